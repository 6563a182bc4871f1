// A tiny random model with transformers' outputs, as scripts/fixtures/models.py wrote it.

package import ESparseCore
package import ESparseModels
package import FoundationEssentials

/// One variant's configuration, weights and expected outputs.
package struct ModelFixture {
    /// All variants of scripts/fixtures/models.py.
    package static let names =
        [
            "llama-plain", "llama-grouped-tied", "llama-head-size", "llama-linear-rope", "llama-llama3-rope-old",
            "llama-llama3-rope-new", "llama-gelu-tanh", "mistral", "opt-plain", "opt-post-norm",
            "opt-projected-post-norm", "opt-projected-untied", "opt-no-final-norm", "opt-no-bias", "llama-yarn",
        ] + families

    /// Those of the families after LLaMA, Mistral without a window and OPT.
    package static let families = [
        "mistral-window", "ministral", "qwen2", "qwen2-tied-windows", "qwen3", "qwen3-bias-tied", "gemma2",
        "gemma2-bias-untied", "gemma3-text", "gemma3-text-old", "phi3", "phi3-longrope-short", "phi3-longrope-long",
        "phi3-longrope-crossing", "olmo2", "olmo2-bias-tied",
    ]

    /// The one whose model also reads pictures; its tensors have other names.
    package static let withPictures = "gemma3-pictures"

    package let configuration: Data
    package let weights: MemoryWeights
    package let tokens: [Int32]
    /// `[T, V]`
    package let logits: [Float]
    /// Greedy continuation of `tokens`.
    package let continuation: [Int32]

    /// The place of a tensor in the file.
    private struct Entry: Decodable {
        let dtype: String
        let shape: [Int]
        let offsets: [Int]
        enum CodingKeys: String, CodingKey {
            case dtype, shape
            case offsets = "data_offsets"
        }
    }

    /// The header's one entry that is not a tensor.
    private struct Metadata: Decodable {
        struct Texts: Decodable { let config: String }
        let texts: Texts
        enum CodingKeys: String, CodingKey { case texts = "__metadata__" }
    }

    /// The header's tensors: every entry that decodes as one.
    private struct Entries: Decodable {
        var tensors: [String: Entry] = [:]
        struct Key: CodingKey {
            let stringValue: String
            let intValue: Int? = nil
            init(stringValue: String) { self.stringValue = stringValue }
            init?(intValue: Int) { nil }
        }
        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: Key.self)
            for key in container.allKeys where key.stringValue != "__metadata__" {
                tensors[key.stringValue] = try container.decode(Entry.self, forKey: key)
            }
        }
    }

    /// Where a variant's file is.
    private static func path(_ name: String) -> String {
        let folder = #filePath.split(separator: "/").dropLast(2).joined(separator: "/") + "/ESparseModelsTests"
        return "/\(folder)/Fixtures/\(name).safetensors"
    }

    /// Makes a Hugging Face folder of a variant; the expected outputs are tensors that no model asks for.
    package static func copyFolder(_ name: String, to folder: String) throws {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
        try FileManager.default.copyItem(atPath: path(name), toPath: folder + "/model.safetensors")
        try ModelFixture(name).configuration.write(to: URL(filePath: folder + "/config.json"))
    }

    /// Reads a variant.
    package init(_ name: String) throws {
        let file = try Data(contentsOf: URL(filePath: Self.path(name)))
        let headerCount = file.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
        let header = Data(file[8..<8 + headerCount])
        configuration = Data(try JSONDecoder().decode(Metadata.self, from: header).texts.config.utf8)
        var tensors: [String: Tensor] = [:]
        var integers: [String: [Int32]] = [:]
        for (name, entry) in try JSONDecoder().decode(Entries.self, from: header).tensors {
            let bytes = [UInt8](file[(8 + headerCount + entry.offsets[0])..<(8 + headerCount + entry.offsets[1])])
            if entry.dtype == "I64" {
                integers[name] = stride(from: 0, to: bytes.count, by: 8).map {
                    Int32(bytes[$0]) | Int32(bytes[$0 + 1]) << 8
                }
            } else {
                tensors[name] = try Tensor(
                    elementType: ElementType(rawValue: entry.dtype) ?? .uint8, shape: entry.shape,
                    storage: ByteStorage(copying: bytes))
            }
        }
        logits = try tensors.removeValue(forKey: "expected.logits")?.floats() ?? []
        tokens = integers["expected.tokens"] ?? []
        continuation = integers["expected.continuation"] ?? []
        weights = MemoryWeights(tensors: tensors)
    }

    /// The model on a backend.
    package func model<B: Backend>(on backend: B) throws -> LanguageModel<B> {
        try LanguageModel.load(configuration: configuration, weights: weights, backend: backend)
    }
}

/// Weights in memory, which tests can change.
package struct MemoryWeights: WeightSource {
    /// Dense tensors by name.
    package var tensors: [String: Tensor]
    /// Input orders of linears.
    package var permutations: [String: Permutation] = [:]
    /// Linears that are stored sparse.
    package var sparse: [String: SparseMatrix] = [:]

    /// Holds these dense tensors, with all linears in their original order.
    package init(tensors: [String: Tensor]) { self.tensors = tensors }

    package var tensorNames: [String] { tensors.keys.sorted() }

    package func shape(of name: String) -> [Int]? { tensors[name]?.shape }

    package func tensor(_ name: String) throws -> Tensor {
        guard let tensor = tensors[name] else { throw ModelError.missingTensor(name, expected: []) }
        return tensor
    }

    package func linearWeight(_ name: String) throws -> LinearWeight {
        let matrix: LinearWeight.Matrix = try sparse[name].map { .sparse($0) } ?? .dense(try tensor(name))
        return LinearWeight(matrix: matrix, permutation: permutations[name])
    }

    /// Puts the columns of a matrix in another order.
    package mutating func permuteColumns(of name: String, by order: Permutation) throws {
        tensors[name] = try tensor(name).gatheringColumns(order.order)
    }

    /// Keeps the second and fourth weight of every four of a matrix, dense with zeros or packed.
    package mutating func sparsify(_ name: String, packed: Bool) throws {
        let tensor = try tensor(name)
        let values = try tensor.floats()
        let isKept = values.indices.map { $0 % 2 == 1 }
        tensors[name] = try Tensor(zip(values, isKept).map { $1 ? $0 : 0 }, shape: tensor.shape)
        guard packed else { return }
        let kept = zip(values, isKept).filter(\.1).map(\.0)
        let mask = [UInt8](repeating: 0b1010_1010, count: values.count / 8)
        sparse[name] = try SparseMatrix(
            rows: tensor.rows, columns: tensor.columns, pattern: .twoOfFour,
            values: Tensor(kept, shape: [tensor.rows, tensor.columns / 2]),
            bitmask: Tensor(
                elementType: .uint8, shape: [tensor.rows, tensor.columns / 8], storage: ByteStorage(copying: mask)))
    }

    /// Puts rows of a matrix, or elements of a vector, that begin at `first` in another order.
    package mutating func permuteRows(of name: String, by order: Permutation, from first: Int = 0) throws {
        let tensor = try tensor(name)
        let values = try tensor.floats()
        var permuted = values
        let columns = tensor.columns
        for (place, row) in order.order.enumerated() {
            permuted.replaceSubrange(
                (first + place) * columns..<(first + place + 1) * columns,
                with: values[(first + Int(row)) * columns..<(first + Int(row) + 1) * columns])
        }
        tensors[name] = try Tensor(permuted, shape: tensor.shape)
    }
}

/// The largest difference between two lists, relative to the largest expected value.
package func relativeError(_ found: [Float], _ expected: [Float]) -> Float {
    guard found.count == expected.count, !expected.isEmpty else { return .infinity }
    let largest = expected.map { abs($0) }.max() ?? 0
    let differences = zip(found, expected).map { abs($0 - $1) }
    guard differences.allSatisfy({ $0.isFinite }) else { return .infinity }
    return (differences.max() ?? 0) / largest
}

extension ModelArchitecture {
    /// Rotary frequencies of the first block's attention, `[S / 2]`.
    package var rotaryFrequencies: [Float]? {
        blocks[0].layers.lazy.compactMap { $0.layer as? SelfAttentionDescription }.first?.heads.rotaryFrequencies
    }
}
