import { expect, it } from "vitest";
import { contextFilter, parseDockerfile, wholeStage } from "./dockerfile.ts";

const TEXT = `
ARG NODE_IMAGE=node:24
# A comment.
FROM \${NODE_IMAGE} AS base
ENV A=1 B=two
WORKDIR /app
VOLUME /data
HEALTHCHECK --interval=10s CMD ["node", "check.js"]

FROM base AS worker
COPY --from=base /app ./
COPY package.json other.json ./
RUN one \\
# A comment within.
 && two
USER node
EXPOSE 8787
CMD ["node", "main.js"]
`;

it("a Dockerfile is read as stages, steps and settings in order, those of the base first", () => {
  const stages = parseDockerfile(TEXT);
  expect(stages.map(({ name, base }) => [name, base])).toEqual([
    ["base", "node:24"],
    ["worker", "base"],
  ]);
  expect(wholeStage(stages, "worker")).toEqual({
    name: "worker",
    base: "node:24",
    steps: [
      { does: "environment", values: { A: "1", B: "two" } },
      { does: "workdir", folder: "/app" },
      { does: "copy", from: "base", sources: ["/app"], target: "./" },
      { does: "copy", from: null, sources: ["package.json", "other.json"], target: "./" },
      { does: "run", command: "one && two" },
      { does: "user", name: "node" },
    ],
    command: ["node", "main.js"],
    healthCheck: ["node", "check.js"],
    volumes: ["/data"],
    ports: [8787],
  });
});

it.each([
  "FROM node",
  "FROM node AS a\nADD x y",
  "FROM node AS a\nRUN --mount=type=cache x",
  "FROM node AS a\nCOPY --chown=node x y",
  "FROM node AS a\nENV A 1",
  "RUN x",
])("refuses what it would not carry out: %j", (text) => {
  expect(() => parseDockerfile(text)).toThrow(/Dockerfile, line [12]: /);
});

it("the last matching pattern of .dockerignore decides whether the build sees a path", () => {
  const isSeen = contextFilter("*\n!cli\n!package.json\n**/*.test.ts\ncli/build\n# a comment\n");
  const seen = ["cli", "cli/main.ts", "cli/a/b.ts", "package.json"];
  const hidden = ["node_modules", "README.md", "cli/main.test.ts", "cli/a/b.test.ts", "cli/build", "cli/build/x"];
  expect([...seen, ...hidden].filter(isSeen)).toEqual(seen);
});
