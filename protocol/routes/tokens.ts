/** Access: tokens, enrolments and workspaces. */
import {
  API_PREFIX,
  createdToken,
  createEnrolmentRequest,
  createTokenRequest,
  createWorkspaceRequest,
  tokenList,
  workspaceList,
} from "../api.ts";
import { EXAMPLE_TIME_MS, tokenParameter } from "./parameters.ts";
import { checkedBody, jsonAnswer, jsonBody, NO_CONTENT, type Routes } from "./route.ts";

const TOKEN = {
  token_id: tokenParameter.id.example,
  name: "reader",
  role: "viewer",
  workspace: "default",
  expires_at_ms: null,
};
const CREATED = { ...TOKEN, token: "ktrdr.default.c2VjcmV0LXRoYXQtaXMtc2hvd24tb25jZQ" };

export const tokenRoutes = {
  createToken: {
    method: "POST",
    path: `${API_PREFIX}/tokens`,
    role: "admin",
    summary: "Makes a token of this workspace. The answer is the only time that it is shown.",
    body: checkedBody(createTokenRequest, "token request"),
    answer: jsonAnswer(createdToken, 201),
    example: { body: { role: "viewer", name: "reader" }, answer: CREATED },
  },
  listTokens: {
    method: "GET",
    path: `${API_PREFIX}/tokens`,
    role: "admin",
    summary: "Lists the tokens of this workspace, without their secrets.",
    answer: jsonAnswer(tokenList),
    example: { answer: { tokens: [{ ...TOKEN, created_at: EXAMPLE_TIME_MS, uses_left: null }] } },
  },
  revokeToken: {
    method: "DELETE",
    path: `${API_PREFIX}/tokens/{id}`,
    parameters: tokenParameter,
    role: "admin",
    summary: "Revokes a token.",
    answer: NO_CONTENT,
  },
  createEnrolment: {
    method: "POST",
    path: `${API_PREFIX}/enrolments`,
    role: "admin",
    summary: "Makes a token with which workers enrol, and nothing else.",
    body: checkedBody(createEnrolmentRequest, "enrolment request"),
    answer: jsonAnswer(createdToken, 201),
    example: {
      body: { name: "desk", max_uses: 1, ttl_ms: 86_400_000 },
      answer: { ...CREATED, name: "desk", role: "enrolment", expires_at_ms: EXAMPLE_TIME_MS },
    },
  },
  createWorkspace: {
    method: "POST",
    path: `${API_PREFIX}/workspaces`,
    role: "admin",
    summary: "Opens a workspace and makes an admin token for it. Doing it again makes another one.",
    body: jsonBody(createWorkspaceRequest),
    answer: jsonAnswer(createdToken, 201),
    example: {
      body: { name: "research" },
      answer: { ...CREATED, name: "first admin", role: "admin", workspace: "research" },
    },
  },
  listWorkspaces: {
    method: "GET",
    path: `${API_PREFIX}/workspaces`,
    role: "admin",
    summary: "Lists the workspaces that an admin of the default workspace has opened.",
    answer: jsonAnswer(workspaceList),
    example: { answer: { workspaces: ["default", "research"] } },
  },
} as const satisfies Routes;
