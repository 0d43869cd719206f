#!/usr/bin/env node
/** A program for tests: it does what `input.does` says. */
import { spawn } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";

const { input } = JSON.parse(readFileSync(process.env.KTRDR_SPEC, "utf8"));
const say = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);
const forever = () => setInterval(() => {}, 1_000);

const ACTS = {
  succeed() {
    say({ progress: { phase: "training", fraction: 0.5, rates: { loss: 0.25 } } });
    say({ log: "half way" });
    console.log("a plain line");
    console.error("a line of stderr");
    writeFileSync("model.bin", "weights");
    say({ result: { file: "model.bin", summary: { loss: 0.125 } } });
  },
  tell() {
    const names = Object.keys(process.env).filter((name) => /^(KTRDR_|ENROLMENT_)/.test(name));
    say({ result: { summary: { names: names.sort(), spec: JSON.parse(readFileSync("spec.json", "utf8")) } } });
  },
  fail() {
    console.error("the matrix is singular");
    process.exitCode = input.code;
  },
  end() {},
  nameWrongFile() {
    say({ result: { file: input.file } });
  },
  mumble() {
    console.log('{"progress": {"fraction": NaN}}');
    say({ progress: { fraction: 2 } });
    say({ checkpoint: "none.bin" });
    say({ something: "else" });
    say({ result: {} });
  },
  printHugeLine() {
    process.stdout.write(`${"x".repeat(1_000_000)}\n`);
    say({ result: {} });
  },
  printForEver() {
    const text = `${"y".repeat(100)}\n`.repeat(10_000);
    const write = () => process.stdout.write(text, write);
    write();
  },
  waitForEver() {
    process.on("SIGTERM", () => {
      console.log("leaving");
      process.exit(0);
    });
    say({ progress: { fraction: 0.1 } });
    forever();
  },
  ignoreSigterm() {
    process.on("SIGTERM", () => console.log("no"));
    const child = spawn("sleep", ["1000"], { stdio: "ignore" });
    say({ log: `child ${child.pid}` });
    say({ progress: { fraction: 0.1 } });
    forever();
  },
  leaveChild() {
    const child = spawn("sleep", ["1000"], { stdio: "inherit" });
    child.unref();
    say({ result: { summary: { child: child.pid } } });
  },
  saveOnSigterm() {
    process.on("SIGTERM", () => {
      writeFileSync("last.bin", "last");
      say({ checkpoint: "last.bin" });
      process.exit(143);
    });
    say({ progress: { fraction: 0.1 } });
    forever();
  },
  resume() {
    if (existsSync("checkpoint")) {
      writeFileSync("out.txt", `${readFileSync("checkpoint", "utf8")} and on`);
      say({ result: { file: "out.txt" } });
      return;
    }
    writeFileSync("first.bin", "first");
    say({ checkpoint: "first.bin" });
    writeFileSync("second.bin", "second");
    say({ checkpoint: "second.bin" });
    process.exitCode = 75;
  },
};
ACTS[input.does]();
