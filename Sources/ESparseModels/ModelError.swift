// Everything that can be wrong with a model's configuration, its weights, or what is asked of it.

public import ESparseCore

/// A model cannot be built from its files, or cannot do what is asked.
public enum ModelError: Error, Equatable, CustomStringConvertible {
    /// config.json is not JSON, or not an object.
    case unreadableConfiguration(reason: String)
    /// config.json lacks a setting that cannot be guessed.
    case missingSetting(String)
    /// A setting of config.json has a value that no model can have.
    case invalidSetting(String, value: String, requirement: String)
    /// A setting of config.json has a meaning that is not implemented.
    case unsupportedSetting(String, value: String, supported: String)
    /// The checkpoint is of another kind of model.
    case unsupportedModelType(String, supported: [String])
    /// The checkpoint is of a model that sends each token to some of many feed-forward layers.
    case mixtureOfExperts(String)
    /// The checkpoint lacks a tensor that config.json calls for.
    case missingTensor(String, expected: [Int])
    /// A tensor does not have the shape that config.json calls for.
    case wrongShape(String, found: [Int], expected: [Int])
    /// A weight has integer elements.
    case wrongElementType(String, found: ElementType)
    /// Linears that read the same input expect it in different orders.
    case permutationMismatch(String, String)
    /// A linear expects its input in an order that what stands before it cannot write.
    case permutationNotPossible(String, reason: String)
    /// No one order of the residual stream's channels can be put into the weights.
    case orderNotAbsorbable(modelType: String, tensor: String)
    /// A weight cannot be held by the type that it is to be written in.
    case weightOutgrowsType(String, value: Float, type: ElementType)
    /// A sequence has more tokens than the model has positions.
    case tooManyPositions(needed: Int, available: Int)
    /// A sequence has more tokens than the KV cache was made for.
    case cacheTooSmall(needed: Int, available: Int)
    /// A token id that the model's vocabulary does not have.
    case tokenOutsideVocabulary(Int32, vocabularySize: Int)
    /// Generation and scoring need some tokens to start from.
    case tooFewTokens(needed: Int, found: Int)
    /// A sampling or generation setting is out of range.
    case invalidOption(String, value: String, requirement: String)
    /// The model's outputs are not numbers.
    case logitsNotFinite
    /// config.json names no beginning-of-sequence token, with which self-made calibration text starts.
    case noBeginToken

    /// One sentence for the user.
    public var description: String {
        switch self {
        case .unreadableConfiguration(let reason):
            "config.json cannot be read as JSON settings: \(reason)"
        case .missingSetting(let key):
            "config.json has no \"\(key)\", which this model family needs"
        case .invalidSetting(let key, let value, let requirement):
            "config.json: \"\(key)\" is \(value), but it must be \(requirement)"
        case .unsupportedSetting(let key, let value, let supported):
            "config.json: \"\(key)\" is \(value), which is not supported; supported: \(supported)"
        case .unsupportedModelType(let type, let supported):
            "models of type \"\(type)\" are not supported; supported model types: \(supported.joined(separator: ", "))"
        case .mixtureOfExperts(let type):
            "models of type \"\(type)\" are mixtures of experts, which are not supported; take a dense model"
        case .missingTensor(let name, let expected):
            "the checkpoint has no tensor \(name), which should have shape \(expected); it is incomplete, or config.json belongs "
                + "to another model"
        case .wrongShape(let name, let found, let expected):
            "tensor \(name) has shape \(found), but config.json calls for \(expected); one of them belongs to another model"
        case .wrongElementType(let name, let found):
            "tensor \(name) has element type \(found.rawValue), but a weight must be F32, F16 or BF16"
        case .permutationMismatch(let first, let second):
            "\(first) and \(second) read the same input but expect its channels in different orders; prune the model again"
        case .permutationNotPossible(let name, let reason):
            "\(name) expects its input channels in an order of its own, which cannot be given: \(reason)"
        case .orderNotAbsorbable(let modelType, let tensor):
            "in this model of type \"\(modelType)\" \(tensor) serves two purposes that need different orders of channels, so no "
                + "shuffle can be absorbed in the weights; use --shuffle-mode run-time"
        case .tooManyPositions(let needed, let available):
            "the model has \(available) positions, but \(needed) are needed; use a shorter sequence length"
        case .cacheTooSmall(let needed, let available):
            "the key/value cache has room for \(available) tokens of a sequence, but \(needed) are needed"
        case .tokenOutsideVocabulary(let token, let size):
            "token id \(token) is outside the model's vocabulary of \(size); the tokenizer belongs to another model"
        case .tooFewTokens(let needed, let found):
            "at least \(needed) tokens are needed, but there are \(found); give a longer text"
        case .invalidOption(let name, let value, let requirement):
            "\(name) is \(value), but it must be \(requirement)"
        case .logitsNotFinite:
            "the model's outputs are not finite numbers; its weights are damaged or overflow this precision"
        case .weightOutgrowsType(let name, let value, let type):
            "\(name) holds the weight \(value), which \(type.rawValue) cannot; choose another type, such as the one it is stored in"
        case .noBeginToken:
            "config.json names no beginning-of-sequence token, so the model cannot write its own text; give a text file"
        }
    }
}
