// What OpenAI's client for Node must be able to do with a daemon; run by check-openai-node-client,
// which sets the environment. The played upstream does what the last message says.
"use strict";

const assert = require("node:assert/strict");
const { test, beforeEach } = require("node:test");
const OpenAI = require("openai");

const url = process.env.YARDMASTER_URL;
const hello = [{ role: "user", content: "hi" }];
const weather = {
  type: "function",
  function: {
    name: "weather",
    parameters: { type: "object", properties: { city: { type: "string" } } },
  },
};

function makeClient(options = {}) {
  const apiKey = process.env.YARDMASTER_KEY;
  return new OpenAI({ baseURL: url, apiKey, maxRetries: 0, ...options });
}

const client = makeClient();

function ask(model, wish = "hi", more = {}, options = {}) {
  const messages = [{ role: "user", content: wish }];
  return client.chat.completions.create({ model, messages, ...more }, options);
}

/** The bodies that the played upstream got since the last call. */
async function upstreamBodies() {
  return (await fetch(process.env.PLAYED_URL)).json();
}

async function chunksOf(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}

beforeEach(upstreamBodies);

test("chat names the real model", async () => {
  const answer = await ask("auto");
  assert.ok(["small", "large", "played-1"].includes(answer.model), answer.model);
  assert.ok(answer.usage.total_tokens > 0);
});

test("the raw response has the decision", async () => {
  const { data, response } = await ask("first").withResponse();
  assert.equal(response.headers.get("x-yardmaster-model"), "played");
  assert.ok(response.headers.get("x-yardmaster-decision-id"));
  assert.equal(data.choices[0].message.content, "hello");
});

test("models are listed", async () => {
  const ids = [];
  for await (const model of client.models.list()) ids.push(model.id);
  assert.ok(ids.includes("auto"));
});

test("a stream of a simulated model", async () => {
  const chunks = await chunksOf(await ask("small", "hi", { stream: true }));
  assert.ok(chunks.length > 3);
  assert.ok(chunks.every((chunk) => chunk.choices.length > 0));
  assert.equal(chunks.at(-1).choices[0].finish_reason, "stop");
});

test("a stream of an upstream, whose usage is asked for and kept from who did not ask", async () => {
  const chunks = await chunksOf(await ask("played", "hi", { stream: true }));
  assert.equal(chunks.map((chunk) => chunk.choices[0].delta.content).join(""), "hello");
  assert.equal((await upstreamBodies())[0].stream_options.include_usage, true);
});

test("a stream with usage for who asks", async () => {
  const more = { stream: true, stream_options: { include_usage: true } };
  const chunks = await chunksOf(await ask("played", "hi", more));
  assert.equal(chunks.at(-1).usage.completion_tokens, 2);
});

test("the stream helper puts tool calls together", async () => {
  const messages = [{ role: "user", content: "tools" }];
  const stream = client.chat.completions.stream({ model: "played", messages, tools: [weather] });
  const call = (await stream.finalChatCompletion()).choices[0].message.tool_calls[0];
  assert.deepEqual(JSON.parse(call.function.arguments), { city: "Paris" });
});

test("tools and their results", async () => {
  const call = (await ask("played", "tools", { tools: [weather] })).choices[0].message;
  assert.equal(call.tool_calls[0].function.name, "weather");
  const result = { role: "tool", tool_call_id: "call_1", content: "sunny" };
  const messages = [...hello, call, result];
  const tools = [weather];
  const answer = await client.chat.completions.create({ model: "played", messages, tools });
  assert.equal(answer.choices[0].message.content, "hello");
  const bodies = await upstreamBodies();
  assert.deepEqual(bodies[0].tools, [weather]);
  assert.deepEqual(bodies[1].messages[1].tool_calls, call.tool_calls);
});

test("an image goes to a model that sees", async () => {
  const image = { type: "image_url", image_url: { url: "data:image/png;base64,AAAA" } };
  const { response } = await ask("auto", [{ type: "text", text: "hi" }, image]).withResponse();
  assert.equal(response.headers.get("x-yardmaster-model"), "played");
  assert.deepEqual((await upstreamBodies())[0].messages[0].content[1], image);
});

test("another model answers where one fails", async () => {
  const { data, response } = await ask("first", "status 500").withResponse();
  assert.equal(response.headers.get("x-yardmaster-attempts"), "2");
  assert.ok(["small", "large"].includes(data.model));
});

test("errors are the client's own classes", async () => {
  const wishes = [
    [OpenAI.BadRequestError, "status 400"],
    [OpenAI.UnprocessableEntityError, "status 422"],
    [OpenAI.RateLimitError, "status 429"],
    [OpenAI.InternalServerError, "status 500"],
  ];
  for (const [kind, wish] of wishes) await assert.rejects(ask("played", wish), kind, wish);
  await assert.rejects(ask("nobody"), OpenAI.NotFoundError);
  const empty = client.chat.completions.create({ model: "auto", messages: [] });
  await assert.rejects(empty, OpenAI.BadRequestError);
  const stranger = makeClient({ apiKey: "wrong" });
  await assert.rejects(stranger.models.list(), OpenAI.AuthenticationError);
});

test("a stream that breaks throws", async () => {
  const seen = [];
  const reading = async () => {
    const stream = await ask("played", "break", { stream: true });
    for await (const chunk of stream) seen.push(chunk.choices[0].delta.content);
  };
  await assert.rejects(reading, (error) => {
    assert.ok(error instanceof OpenAI.APIError);
    return /the stream broke/.test(error.message);
  });
  assert.deepEqual(seen, ["hel"]);
});

test("a stream that is left early harms nothing", async () => {
  for await (const chunk of await ask("small", "hi", { stream: true })) {
    assert.ok(chunk.choices);
    break;
  }
  assert.ok((await ask("small")).choices);
});

test("the client's own timeout", async () => {
  const slow = ask("played", "slow", {}, { timeout: 200 });
  await assert.rejects(slow, OpenAI.APIConnectionTimeoutError);
});

test("the client's own retries", async () => {
  const answer = await ask("played", "fail once", {}, { maxRetries: 2 });
  assert.equal(answer.choices[0].message.content, "hello");
  assert.equal((await upstreamBodies()).length, 2);
});
