// The models' forward pass as a page runs it: plain JavaScript, one token at a time, in the order of core/nn/model.h.
#pragma once

namespace cai {

inline constexpr const char* kModelScript = R"js("use strict";
// A tokenizer and a language model of the Llama family, from bytes to words, without a library. The numbers of the
// steps are those of core/nn/model.h, which does the same with kernels.

// ---- The tokenizer: byte-pair encoding on bytes.

// A printable character for each byte, as GPT-2 spells its tokens: the printable bytes of Latin-1 are themselves, the
// others U+0100 and up.
function byteAlphabet() {
  const characters = [];
  let next = 0x100;
  for (let byte = 0; byte < 256; byte++) {
    const printable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
    characters.push(String.fromCodePoint(printable ? byte : next++));
  }
  return characters;
}

// GPT-2's regular expression: words with the space before them, numbers, signs, spaces. No token crosses two pieces.
const pieces = new RegExp("'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\p{White_Space}\\p{L}\\p{N}]+" +
                          "|\\p{White_Space}+(?!\\P{White_Space})|\\p{White_Space}+", "gu");

class Tokenizer {
  // spellings: of each token, in the byte alphabet. merges: pairs of tokens, in the order they were learned.
  // specials: that many tokens, the first ones, are roles and no text.
  constructor({spellings, merges, specials}) {
    const alphabet = byteAlphabet();
    const byteOf = new Map(alphabet.map((character, byte) => [character, byte]));
    this.size = spellings.length;
    this.specials = specials;
    this.bytes = spellings.map(spelling => [...spelling].map(character => byteOf.get(character)));
    const idOf = new Map(spellings.map((spelling, id) => [spelling, id]));
    this.idOfByte = alphabet.map(character => idOf.get(character));
    this.mergeOf = new Map();
    merges.forEach(([left, right], rank) => {
      this.mergeOf.set(left * this.size + right, {rank, result: idOf.get(spellings[left] + spellings[right])});
    });
  }

  // The tokens of a user's text; it never becomes a special one.
  encode(text) {
    const ids = [];
    for (const [piece] of text.matchAll(pieces)) {
      const bytes = [...new TextEncoder().encode(piece)];
      ids.push(...this.merge(bytes.map(byte => this.idOfByte[byte]).filter(id => id !== undefined)));
    }
    return ids;
  }

  // Joins the adjacent pair that was learned first, the leftmost one of these, until no pair is a token.
  merge(ids) {
    for (;;) {
      let best = null, at = -1;
      for (let i = 0; i + 1 < ids.length; i++) {
        const merge = this.mergeOf.get(ids[i] * this.size + ids[i + 1]);
        if (merge && (best === null || merge.rank < best.rank)) best = merge, at = i;
      }
      if (best === null) return ids;
      ids.splice(at, 2, best.result);
    }
  }

  // A character cut in two at the end, and bytes that are no UTF-8, become U+FFFD.
  decode(ids) {
    return new TextDecoder().decode(new Uint8Array(ids.flatMap(id => this.bytes[id])));
  }
}

// ---- The weights.

// IEEE 754 binary16: sign, 5 bits of exponent with bias 15, 10 bits of fraction.
function fromHalf(half) {
  const sign = half & 0x8000 ? -1 : 1, exponent = half >> 10 & 31, fraction = half & 1023;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

// Tensors by name, from base64 that holds them end to end as little-endian halves. shapes: [name, rows, columns].
function readTensors(text, shapes) {
  const bytes = Uint8Array.from(atob(text), character => character.charCodeAt(0));
  const view = new DataView(bytes.buffer);
  const tensors = new Map();
  let at = 0;
  for (const [name, rows, columns] of shapes) {
    const values = new Float32Array(rows * columns);
    for (let i = 0; i < values.length; i++, at += 2) values[i] = fromHalf(view.getUint16(at, true));
    tensors.set(name, values);
  }
  return tensors;
}

// ---- The network. C: width, H query heads and K key-value heads of D numbers each, F: width of the feed-forward part.

// x / sqrt(mean(x²) + epsilon) · weight
function rmsNorm(x, weight, epsilon) {
  let squares = 0;
  for (const value of x) squares += value * value;
  const scale = 1 / Math.sqrt(squares / x.length + epsilon);
  return x.map((value, i) => value * scale * weight[i]);
}

// weight · x, where weight has a row for each number of the result.
function multiply(weight, x) {
  const width = x.length, out = new Float32Array(weight.length / width);
  for (let row = 0, at = 0; row < out.length; row++) {
    let sum = 0;
    for (let i = 0; i < width; i++) sum += weight[at++] * x[i];
    out[row] = sum;
  }
  return out;
}

function add(x, y) {
  for (let i = 0; i < x.length; i++) x[i] += y[i];
}

// Turns each pair (x[i], x[i + D/2]) of each head by an angle that grows with the position.
function rotate(x, D, position, theta) {
  for (let head = 0; head < x.length; head += D) {
    for (let i = 0; i < D / 2; i++) {
      const angle = position * theta ** (-2 * i / D), cosine = Math.cos(angle), sine = Math.sin(angle);
      const a = x[head + i], b = x[head + i + D / 2];
      x[head + i] = a * cosine - b * sine;
      x[head + i + D / 2] = b * cosine + a * sine;
    }
  }
}

// softmax(q·k / sqrt(D)) · v over all positions so far. Query head h reads key-value head h / (H/K).
function attention(q, keys, values, {H, K, D}) {
  const out = new Float32Array(H * D);
  for (let h = 0; h < H; h++) {
    const mine = h * D, shared = Math.floor(h / (H / K)) * D;
    const scores = keys.map(key => {
      let product = 0;
      for (let d = 0; d < D; d++) product += q[mine + d] * key[shared + d];
      return product / Math.sqrt(D);
    });
    const largest = Math.max(...scores), weights = scores.map(score => Math.exp(score - largest));
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    weights.forEach((weight, position) => {
      for (let d = 0; d < D; d++) out[mine + d] += weight / total * values[position][shared + d];
    });
  }
  return out;
}

class LanguageModel {
  constructor(config, tensors) {
    this.config = config;
    const tensor = name => tensors.get(name + ".weight");
    this.embedding = tensor("model.embed_tokens");
    this.norm = tensor("model.norm");
    this.layers = [];
    for (let l = 0; l < config.layers; l++) {
      const of = name => tensor(`model.layers.${l}.${name}`);
      this.layers.push({
        attentionNorm: of("input_layernorm"), ffNorm: of("post_attention_layernorm"),
        q: of("self_attn.q_proj"), k: of("self_attn.k_proj"), v: of("self_attn.v_proj"), o: of("self_attn.o_proj"),
        gate: of("mlp.gate_proj"), up: of("mlp.up_proj"), down: of("mlp.down_proj")});
    }
  }

  // The keys and values of a sequence, of each layer; empty at its start.
  newCache() {
    return this.layers.map(() => ({keys: [], values: []}));
  }

  // Reads one token at the next position of the cache. Returns the width-C vector that the head turns into logits.
  read(token, cache) {
    const {C, D, theta, epsilon} = this.config;
    const position = cache[0].keys.length;
    const x = this.embedding.slice(token * C, (token + 1) * C);                        // 0.
    this.layers.forEach((layer, l) => {
      const attentionIn = rmsNorm(x, layer.attentionNorm, epsilon);                    // 1.
      const q = multiply(layer.q, attentionIn), k = multiply(layer.k, attentionIn);    // 2.
      rotate(q, D, position, theta);                                                   // 3.
      rotate(k, D, position, theta);
      cache[l].keys.push(k);
      cache[l].values.push(multiply(layer.v, attentionIn));
      const attended = attention(q, cache[l].keys, cache[l].values, this.config);      // 4.
      add(x, multiply(layer.o, attended));                                             // 6.
      const ffIn = rmsNorm(x, layer.ffNorm, epsilon);                                  // 7.
      const gate = multiply(layer.gate, ffIn), up = multiply(layer.up, ffIn);          // 8.
      const swiglu = gate.map((value, i) => value / (1 + Math.exp(-value)) * up[i]);   // 9.
      add(x, multiply(layer.down, swiglu));                                            // 10.
    });
    return rmsNorm(x, this.norm, epsilon);                                             // 11.
  }

  // The likeliest next token among the first `size`. The embedding table is the head too.
  likeliest(normed, size) {
    const logits = multiply(this.embedding, normed);                                   // 12.
    let best = 0;
    for (let token = 1; token < size; token++) if (logits[token] > logits[best]) best = token;
    return best;
  }
}

// The greedy answer to a question, token by token: <|user|> question <|assistant|> answer, up to the next special
// token, the end of the context or `most` tokens. Yields each token that is text. Throws if the question is too long.
function* answer(model, tokenizer, question, roles, most = 80) {
  const prompt = [roles.user, ...tokenizer.encode(question), roles.assistant];
  const room = model.config.context - 1;
  if (prompt.length > room) throw new Error(`The question has ${prompt.length} tokens, but at most ${room} are read.`);
  const cache = model.newCache();
  let normed = null;
  for (const token of prompt) normed = model.read(token, cache);
  for (let length = prompt.length, written = 0; written < most && length < model.config.context; written++) {
    const token = model.likeliest(normed, tokenizer.size);
    if (token < tokenizer.specials) return;
    yield token;
    if (++length < model.config.context) normed = model.read(token, cache);
  }
}
)js";

}  // namespace cai
