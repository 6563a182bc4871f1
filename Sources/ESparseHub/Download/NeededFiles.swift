// Which files of a repository a model needs: configuration, tokenizer, templates, card, licences and one form of its weights.

import ESparseCore
import ESparseFormats

/// Chooses files by their names. Names come from the hub, so each is checked before it becomes a path.
package enum NeededFiles {
    /// How a repository stores its weights.
    package enum Weights: Equatable {
        /// These files.
        case files([String])
        /// The shards that this file names.
        case index(String)
    }

    private static let single = "model.safetensors"
    private static let longestIndex = 1 << 26
    private static let mostShards = 10_000

    /// Names that a model may have besides licences and shards; a cached model is whole when each is there or known to be absent.
    package static let known =
        ["config.json", SparseManifest.fileName, ShardedSafetensors.indexName, "LICENSE", "README.md"]
        + CompanionFiles.names.sorted()

    /// The files beside the weights that a listing has: those of `known`, further chat templates, and licences under any usual name.
    package static func describing(in names: Set<String>) -> [String] {
        names.filter {
            known.contains($0) && $0 != ShardedSafetensors.indexName || isLicence($0) || isChatTemplate($0)
        }.sorted()
    }

    private static func isChatTemplate(_ name: String) -> Bool {
        let parts = name.split(separator: "/", omittingEmptySubsequences: false)
        return parts.count == 2 && parts[0] == "additional_chat_templates" && name.hasSuffix(".jinja")
            && FileSystem.isContained(name)
    }

    private static func isLicence(_ name: String) -> Bool {
        let words = name.lowercased().split(separator: ".", omittingEmptySubsequences: false)
        guard FileSystem.isContained(name), !name.contains("/"), let first = words.first, words.count <= 2 else {
            return false
        }
        let isText = words.count == 1 || ["txt", "md"].contains(words[1])
        return isText && (first.hasPrefix("licen") || ["copying", "notice", "use_policy"].contains(first))
    }

    /// The weights to fetch: an index before a single file before numbered shards, as `ShardedSafetensors` opens a folder.
    ///
    /// - Throws: `HubError.unsuitable` where there are none; a repository of GGUF files is named with them.
    package static func weights(in names: Set<String>, of model: HubModel) throws(HubError) -> Weights {
        if names.contains(ShardedSafetensors.indexName) { return .index(ShardedSafetensors.indexName) }
        if names.contains(single) { return .files([single]) }
        let shards = names.filter {
            $0.hasPrefix("model") && $0.hasSuffix(".safetensors") && !$0.contains("/") && FileSystem.isContained($0)
        }.sorted()
        guard let first = shards.first else {
            throw .unsuitable(model: model.description, reason: absence(in: names, model))
        }
        let missing = parts(of: first).filter { !shards.contains($0) }
        guard missing.isEmpty else {
            throw .unsuitable(model: model.description, reason: "lacks \(missing[0]); its owner must upload it again")
        }
        return .files(shards)
    }

    private static func absence(in names: Set<String>, _ model: HubModel) -> String {
        let files = names.filter { HubModel.isGGUF($0) && FileSystem.isContained($0) }.sorted()
        if let first = files.first {
            let more = files.count > 30 ? " and \(files.count - 30) more" : ""
            return "has GGUF files; name one, such as \(model.repository)/\(first), of: "
                + files.prefix(30).joined(separator: ", ") + more
        }
        let hasPickle = names.contains { $0.hasSuffix(".bin") || $0.hasSuffix(".pt") || $0.hasSuffix(".pth") }
        return "has no weights as safetensors"
            + (hasPickle ? ", only pickled ones; save them as safetensors first" : "")
    }

    /// The files of a model in several parts, "name-00001-of-00003.gguf"; any other name stands for itself.
    package static func parts(of file: String) -> [String] {
        guard let dot = file.lastIndex(of: ".") else { return [file] }
        let words = file[..<dot].split(separator: "-", omittingEmptySubsequences: false)
        guard words.count >= 4, words[words.count - 2] == "of", let total = words.last,
            words[words.count - 3].utf8.count == total.utf8.count, let count = Int(total), count > 0,
            count <= mostShards, let number = Int(words[words.count - 3]), (1...count).contains(number)
        else { return [file] }
        let stem = words.dropLast(3).joined(separator: "-")
        return (1...count).map { number in
            let digits = String(number)
            let padding = String(repeating: "0", count: max(0, total.utf8.count - digits.utf8.count))
            return "\(stem)-\(padding)\(digits)-of-\(total)\(file[dot...])"
        }
    }

    /// The shards that an index names, sorted.
    ///
    /// - Throws: `FormatError` where it is damaged or names a path outside the folder; `FileError`; `HubError`.
    package static func shards(inIndexAt path: String) throws -> [String] {
        guard FileSystem.byteCount(of: path) <= longestIndex else {
            throw HubError.invalidAnswer(about: path, reason: "it has more than \(longestIndex) bytes")
        }
        let shards = Set(try ShardedSafetensors.weightMap(FileSystem.read(path), path: path).values).sorted()
        guard shards.count <= mostShards else {
            throw HubError.invalidAnswer(about: path, reason: "it names more than \(mostShards) shards")
        }
        return shards
    }
}
