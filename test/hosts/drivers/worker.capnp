using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [(name = "main", worker = .conformance)],
);

const conformance :Workerd.Worker = (
  modules = [
    (name = "worker.js", esModule = embed "worker.js"),
    (name = "checks.js", esModule = embed "checks.js"),
    (name = "machine.wasm", wasm = embed "machine.wasm"),
    (name = "conformance.txt", text = embed "conformance.txt"),
    (name = "signed.json", json = embed "signed.json"),
    (name = "translation.json", json = embed "translation.json"),
    (name = "translated.js", esModule = embed "translated.js"),
    # translated modules
  ],
  compatibilityDate = "2026-11-01",
);
