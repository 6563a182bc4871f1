// The text part of a folder whose model also reads pictures, as a model of its own.

import ESparseCore
import FoundationEssentials

/// The text part of a model of several parts (Gemma 3): what its config.json says of it, and its tensors under the names that they have in
/// a model of text alone.
///
/// What is pruned or exported from such a folder is a model of text alone, with this configuration.
struct TextPart {
    /// The bytes of the text model's config.json.
    let configuration: Data
    /// The text model's tensors.
    let weights: RenamedWeights
    /// What was left out, in words: "437 tensors of multi_modal_projector and vision_tower".
    let leftOut: String?

    /// Where transformers has put the text model over time, and the place of each in a model of text alone.
    private static let prefixes = [
        ("language_model.model.", "model."), ("model.language_model.", "model."),
        ("language_model.lm_head.", "lm_head."), ("lm_head.", "lm_head."),
    ]

    /// The part of `settings`, a folder's config.json, that describes the text model; nil where the whole folder is one model.
    init?(of settings: JSONValue, weights: FolderWeights) {
        guard settings["model_type"]?.text == "gemma3", let text = settings["text_config"], var members = text.members
        else { return nil }
        // What the whole says and the part does not.
        let shared = [
            "bos_token_id", "eos_token_id", "pad_token_id", "dtype", "torch_dtype", "tie_word_embeddings",
            "quantization_config",
        ]
        var given = [
            "architectures": JSONValue.array([.text("Gemma3ForCausalLM")]), "model_type": .text("gemma3_text"),
        ]
        for key in shared where text[key] == nil { given[key] = settings[key] }
        members.removeAll { given[$0.name] != nil }
        members += given.sorted { $0.key < $1.key }.map { JSONValue.Member(key: Array($0.key.utf8), value: $0.value) }
        configuration = Data(JSONValue.object(members).serialized(indented: true))
        var names: [String: String] = [:]
        var others: [String] = []
        for name in weights.tensorNames {
            if let (prefix, place) = Self.prefixes.first(where: { name.hasPrefix($0.0) }) {
                names[place + name.dropFirst(prefix.count)] = name
            } else {
                others.append(name)
            }
        }
        self.weights = RenamedWeights(source: weights, names: names)
        let parts = Set(
            others.map { name in
                let name = name.hasPrefix("model.") ? name.dropFirst("model.".count) : name[...]
                return String(name.prefix { $0 != "." }.prefix(80))
            })
        leftOut =
            others.isEmpty
            ? nil : "\(others.count) tensors of \(parts.sorted().prefix(4).joined(separator: " and "))"
    }
}

/// Some tensors of a folder under other names.
struct RenamedWeights: WeightSource {
    fileprivate let source: FolderWeights
    /// The stored name by the new one.
    fileprivate let names: [String: String]

    var tensorNames: [String] { names.keys.sorted() }

    func shape(of name: String) -> [Int]? { names[name].flatMap(source.shape) }

    func checkElementType(of name: String) throws { try source.checkElementType(of: names[name] ?? name) }

    func elementType(of name: String) throws -> ElementType { try source.elementType(of: names[name] ?? name) }

    func tensor(_ name: String) throws -> Tensor { try source.tensor(names[name] ?? name) }

    func linearWeight(_ name: String) throws -> LinearWeight { try source.linearWeight(names[name] ?? name) }
}
