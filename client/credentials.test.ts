import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { adminToken, hashToken, keepAdminToken, makeAdminToken } from "./admin-token.ts";
import { findConnection, readCredentials, writeCredentials } from "./credentials.ts";
import { type HomePaths, homeFolder, homePaths } from "./home.ts";

let home: HomePaths;
beforeEach(() => {
  home = homePaths(mkdtempSync(join(tmpdir(), "ktrdr-credentials-")));
});
afterEach(() => rmSync(home.root, { recursive: true, force: true }));

const LOCAL = { url: "http://127.0.0.1:8787", token: "stored", workspace: "default" };

describe("the home folder", () => {
  it("is the flag, else the environment, else in the user's home", () => {
    expect(homeFolder("/a", { KTRDR_HOME: "/b" })).toBe("/a");
    expect(homeFolder(undefined, { KTRDR_HOME: "/b" })).toBe("/b");
    expect(homeFolder(undefined, {})).toMatch(/\.ktrdr$/);
  });
});

describe("credentials", () => {
  it("can be read by their owner alone", () => {
    writeCredentials(home.credentials, LOCAL);
    expect(statSync(home.credentials).mode & 0o777).toBe(0o600);
    expect(readCredentials(home.credentials)).toEqual(LOCAL);
  });

  it("come from flags before the environment before the file, and the source is named", () => {
    writeCredentials(home.credentials, LOCAL);
    const url = LOCAL.url;
    expect(findConnection({}, {}, home)).toEqual({ url, token: "stored", tokenSource: home.credentials });
    expect(findConnection({}, { KTRDR_TOKEN: "env" }, home)).toEqual({ url, token: "env", tokenSource: "KTRDR_TOKEN" });
    expect(findConnection({ token: "flag" }, { KTRDR_TOKEN: "env" }, home).tokenSource).toBe("--token");
  });

  it("tell how to begin when there are none", () => {
    expect(() => findConnection({}, {}, home)).toThrow(
      expect.objectContaining({ cure: expect.stringContaining("ktrdr up") }),
    );
  });

  it("are never sent to another control plane than their own", () => {
    writeCredentials(home.credentials, LOCAL);
    expect(() => findConnection({ url: "https://elsewhere.example" }, {}, home)).toThrow(
      /belongs to http:\/\/127.0.0.1:8787/,
    );
  });

  it("refuse a URL that is none, and a file that is broken", () => {
    expect(() => findConnection({ url: "localhost:8787", token: "t" }, {}, home)).toThrow(/is not the URL/);
    writeFileSync(home.credentials, "{");
    expect(() => findConnection({}, {}, home)).toThrow(/is not a credentials file/);
  });
});

describe("the admin token", () => {
  it("has 256 random bits", () => {
    expect(makeAdminToken()).toMatch(/^ktrdr\.default\.[A-Za-z0-9_-]{43}$/);
    expect(makeAdminToken()).not.toBe(makeAdminToken());
  });

  it("is made once and recognised afterwards; the server's side keeps only its hash", () => {
    const first = adminToken(home, undefined);
    expect(first).toMatchObject({ isNew: true, sha256: hashToken(first.token) });
    keepAdminToken(home, LOCAL.url, first);
    expect(adminToken(home, undefined)).toEqual({ ...first, isNew: false });
    expect(readFileSync(join(home.controlPlane, "secrets.json"), "utf8")).not.toContain(first.token);
  });

  it("cannot be replaced by another, nor guessed when it is lost", () => {
    keepAdminToken(home, LOCAL.url, adminToken(home, undefined));
    rmSync(home.credentials);
    expect(() => adminToken(home, undefined)).toThrow(/is not there/);
    expect(() => adminToken(home, "ktrdr.default.other")).toThrow(/another/);
  });

  it("is not kept by a start that fails", () => {
    adminToken(home, undefined);
    expect(adminToken(home, undefined).isNew).toBe(true);
  });

  it("does not overwrite the credentials of a control plane elsewhere", () => {
    writeCredentials(home.credentials, { ...LOCAL, url: "https://ktrdr.example" });
    expect(() => adminToken(home, undefined)).toThrow(/belongs to the control plane at https:\/\/ktrdr.example/);
  });
});
