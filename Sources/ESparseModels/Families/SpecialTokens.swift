// The settings that every family shares: special tokens and the stored element type.

import ESparseCore
import FoundationEssentials

/// One token id or a list of them, as `eos_token_id` can be.
enum TokenIdentifiers: Codable, Sendable, Equatable {
    case one(Int)
    case many([Int])

    /// All ids.
    var all: [Int] {
        switch self {
        case .one(let token): [token]
        case .many(let tokens): tokens
        }
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let tokens = try? container.decode([Int].self) {
            self = .many(tokens)
        } else {
            self = .one(try container.decode(Int.self))
        }
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .one(let token): try container.encode(token)
        case .many(let tokens): try container.encode(tokens)
        }
    }
}

/// Special tokens and element type under the keys of config.json.
struct SpecialTokens: Codable, Sendable {
    var beginToken: OptionalSetting<TokenIdentifiers>
    var endToken: OptionalSetting<TokenIdentifiers>
    /// `dtype` since transformers 5, `torch_dtype` before.
    var dtype: String?
    var torchDtype: String?

    enum CodingKeys: String, CodingKey {
        case beginToken = "bos_token_id"
        case endToken = "eos_token_id"
        case dtype
        case torchDtype = "torch_dtype"
    }

    /// The beginning-of-sequence token; nil where there is none or it is outside the vocabulary.
    func begin(vocabularySize: Int) -> Int32? {
        (beginToken.value(or: nil)?.all.first).flatMap { (0..<vocabularySize).contains($0) ? Int32($0) : nil }
    }

    /// The tokens that end a text; those outside the vocabulary are left out.
    func ends(vocabularySize: Int) -> [Int32] {
        (endToken.value(or: nil)?.all ?? []).filter { (0..<vocabularySize).contains($0) }.map { Int32($0) }
    }

    /// The element type that config.json names.
    var elementType: ElementType? {
        switch dtype ?? torchDtype {
        case "float32": .float32
        case "float16": .float16
        case "bfloat16": .bfloat16
        default: nil
        }
    }
}

extension SpecialTokens {
    /// Reads them from config.json; `begin` and `end` are the family's, for what it leaves out.
    ///
    /// - Throws: `ModelError`.
    init(_ configuration: Data, begin: Int?, end: Int?) throws {
        self = try Settings.decode(SpecialTokens.self, from: configuration)
        if beginToken == .absent, let begin { beginToken = .value(.one(begin)) }
        if endToken == .absent, let end { endToken = .value(.one(end)) }
    }
}
