// The weights of a llama.cpp file under Hugging Face names and in Hugging Face's row order.

public import ESparseCore

/// The weights of a GGUF file of the LLaMA or Qwen 2 family.
///
/// llama.cpp's converter reorders the rows of LLaMA's query and key projections: row `h S + 2 i + p` of the file is row
/// `h S + p S / 2 + i` of Hugging Face's matrix (`h` head, `S` head size, `i` rotary pair, `p` 0 or 1). That is undone here, for
/// biases as well.
public struct GGUFWeights: WeightSource {
    /// Architectures (`general.architecture`) that can be read.
    public static let supportedArchitectures = ["llama", "qwen2"]

    private let file: GGUFFile
    private let storedNames: [String: String]
    private let architecture: GGUFArchitecture

    /// All tensor names, sorted.
    public let tensorNames: [String]

    /// Maps the file's names.
    ///
    /// - Throws: `FormatError` when the architecture is not supported or a tensor has no place in it.
    public init(file: GGUFFile) throws(FormatError) {
        let architecture = try GGUFArchitecture(metadata: file.metadata)
        self.file = file
        self.architecture = architecture
        var storedNames: [String: String] = [:]
        for stored in file.entries.keys.sorted() {
            guard !GGUFWeights.isDerived(stored) else { continue }
            guard let name = GGUFWeights.canonicalName(stored) else {
                let reason = "is not part of the \(architecture.name) architecture as it is supported here"
                throw .invalidField(path: file.path, field: stored, reason: reason)
            }
            guard storedNames.updateValue(stored, forKey: name) == nil else {
                throw .duplicateTensor(path: file.path, name: stored)
            }
            if let heads = GGUFWeights.heads(of: name, in: architecture), let rows = file.entries[stored]?.shape.first,
                rows % (2 * heads) != 0
            {
                let entry = file.entries[stored]
                let problem = TensorProblem.unexpected(
                    type: GGMLType.name(of: entry?.typeNumber ?? 0), shape: entry?.shape ?? [],
                    needed: "a multiple of \(2 * heads) rows for \(heads) heads")
                throw .invalidTensor(path: file.path, name: stored, problem: problem)
            }
        }
        self.storedNames = storedNames
        tensorNames = storedNames.keys.sorted()
    }

    /// Whether some tensors are quantised; they are expanded when they are read.
    var isQuantised: Bool {
        storedNames.values.contains { name in
            file.entries[name].flatMap { GGMLType(rawValue: $0.typeNumber) }.map { $0.blockSize > 1 } ?? false
        }
    }

    /// The shape of a tensor, or nil where there is none of that name.
    public func shape(of name: String) -> [Int]? {
        storedNames[CanonicalName.of(name)].flatMap { file.entries[$0]?.shape }
    }

    /// Checks that a tensor is of a type that can be expanded.
    ///
    /// - Throws: `FormatError.invalidTensor` when it is not.
    public func checkElementType(of name: String) throws {
        guard let stored = storedNames[CanonicalName.of(name)], let number = file.entries[stored]?.typeNumber,
            GGMLType(rawValue: number) == nil
        else { return }
        throw FormatError.invalidTensor(
            path: file.path, name: stored, problem: .unsupportedType(GGMLType.name(of: number)))
    }

    /// A tensor: a view where the file holds it as F32, F16 or BF16 in the right order, else new memory (F32 if quantised).
    ///
    /// - Throws: `FormatError` when the tensor is missing or of an unsupported type.
    public func tensor(_ name: String) throws -> Tensor {
        let name = CanonicalName.of(name)
        guard let stored = storedNames[name] else { throw FormatError.missingTensor(path: file.path, name: name) }
        guard let heads = GGUFWeights.heads(of: name, in: architecture), let rows = file.entries[stored]?.shape.first
        else {
            return try file.tensor(stored)
        }
        let headSize = rows / heads
        return try file.tensor(stored) { row in
            let (head, inHead) = row.quotientAndRemainder(dividingBy: headSize)
            let (part, pair) = inHead.quotientAndRemainder(dividingBy: headSize / 2)
            return head * headSize + 2 * pair + part
        }
    }

    /// A linear layer's weight; GGUF holds dense ones only.
    ///
    /// - Throws: `FormatError` when the tensor is missing, not a matrix, or of an unsupported type.
    public func linearWeight(_ name: String) throws -> LinearWeight {
        let tensor = try tensor(name)
        guard tensor.shape.count == 2 else {
            let problem = TensorProblem.unexpected(
                type: tensor.elementType.rawValue, shape: tensor.shape, needed: "a matrix")
            throw FormatError.invalidTensor(path: file.path, name: name, problem: problem)
        }
        return LinearWeight(matrix: .dense(tensor))
    }

    /// Heads whose rows the converter reordered, or nil for tensors it left alone.
    private static func heads(of name: String, in architecture: GGUFArchitecture) -> Int? {
        guard architecture.name == "llama" else { return nil }
        if name.contains(".self_attn.q_proj.") { return architecture.headCount }
        if name.contains(".self_attn.k_proj.") { return architecture.keyValueHeadCount }
        return nil
    }

    /// Tensors that follow from the configuration.
    private static func isDerived(_ name: String) -> Bool {
        name == GGUFArchitecture.rotaryFactorsName || name.hasSuffix(".attn_rot_embd.weight")
    }

    /// The Hugging Face name of a llama.cpp tensor, or nil where there is none.
    private static func canonicalName(_ name: String) -> String? {
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        guard let kind = parts.last, kind == "weight" || kind == "bias" else { return nil }
        if parts.count == 2, kind == "weight" { return outerNames[String(parts[0])].map { "\($0).weight" } }
        guard parts.count == 4, parts[0] == "blk", let block = Int(parts[1]), block >= 0,
            let layer = blockNames[String(parts[2])], kind == "weight" || !layer.hasSuffix("norm")
        else { return nil }
        return "model.layers.\(block).\(layer).\(kind)"
    }

    private static let outerNames = [
        "token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head",
    ]
    private static let blockNames = [
        "attn_norm": "input_layernorm", "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj",
        "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj", "ffn_norm": "post_attention_layernorm",
        "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj",
    ]
}
