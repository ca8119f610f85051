// What moves in a run's page: the prompts to pick from, and the form that asks the models. The rest is still.
#pragma once

namespace cai {

inline constexpr const char* kPageScript = R"js("use strict";
const data = JSON.parse(document.getElementById("page-data").textContent);
const tokenizers = data.tokenizers.map(tokenizer => new Tokenizer(tokenizer));

// Of each model, its network once it has been asked: to read the weights takes a moment.
const networks = new Map();
function network(index) {
  if (!networks.has(index)) {
    const {config, shapes} = data.models[index];
    const weights = document.getElementById("weights-" + index).textContent;
    networks.set(index, new LanguageModel(config, readTensors(weights, shapes)));
  }
  return networks.get(index);
}

// The tokens of a model's answer, one after the other.
function ask(index, question) {
  return answer(network(index), tokenizers[data.models[index].tokenizer], question, data.roles);
}

// The words of a text that the models have never read.
function unknownWords(text) {
  const known = new Set(data.words);
  const words = text.toLowerCase().match(/\p{L}[\p{L}\p{M}]*/gu) || [];
  return [...new Set(words)].filter(word => !known.has(word));
}

// ---- One prompt through the method.

const ways = [...document.querySelectorAll(".way")];
const picker = document.getElementById("way-picker");
function showWay() {
  ways.forEach((way, index) => way.hidden = index !== picker.selectedIndex);
}
if (picker && ways.length > 1) {
  picker.parentElement.hidden = false;
  picker.addEventListener("change", showWay);
  showWay();
}

// ---- The form.

const form = document.getElementById("ask-form");
let asked = 0;  // how many questions so far: an answer to an older one stops

// Lets the page draw what was written, and its reader type.
const pause = () => new Promise(resolve => setTimeout(resolve));

async function answerQuestion(question) {
  const mine = ++asked;
  const unknown = unknownWords(question);
  document.getElementById("unknown").textContent = unknown.length === 0 ? "" :
    `The models have never read ${unknown.join(", ")}: expect little.`;
  for (const box of form.querySelectorAll(".answers > div")) {
    box.querySelector("p").textContent = "";
    box.querySelector(".numbers").textContent = "";
  }
  for (let index = 0; index < data.models.length; index++) {
    const box = document.getElementById("answer-" + index);
    const text = box.querySelector("p"), numbers = box.querySelector(".numbers");
    numbers.textContent = "reads its weights";
    await pause();
    if (mine !== asked) return;
    network(index);
    const tokenizer = tokenizers[data.models[index].tokenizer], ids = [], start = performance.now();
    try {
      for (const id of ask(index, question)) {
        ids.push(id);
        text.textContent = tokenizer.decode(ids);
        await pause();
        if (mine !== asked) return;
      }
      const seconds = (performance.now() - start) / 1000;
      numbers.textContent = `${ids.length} tokens in ${seconds.toFixed(1)} s`;
      if (ids.length === 0) text.textContent = "(nothing)";
    } catch (error) {
      numbers.textContent = error.message;
    }
  }
}

if (form) {
  form.hidden = false;
  const field = form.querySelector("textarea");
  const submit = () => { if (field.value.trim()) answerQuestion(field.value.trim()); };
  form.addEventListener("submit", event => { event.preventDefault(); submit(); });
  field.addEventListener("keydown", event => {
    if (event.key === "Enter" && !event.shiftKey) { event.preventDefault(); submit(); }
  });
  for (const chip of form.querySelectorAll(".chips button"))
    chip.addEventListener("click", () => { field.value = chip.textContent; submit(); });
}
)js";

}  // namespace cai
