// What a checkpoint says about the model it holds: its name on the hub and its licence.

/// What is known of the model that a checkpoint was made from.
///
/// Nothing in it depends on where the files lie, but for the name that Hugging Face's cache gives a model's folder.
package struct ModelOrigin: Sendable, Equatable {
    /// Name on the hub, such as `HuggingFaceTB/SmolLM2-135M`.
    package var hubName: String?
    /// Name in words.
    package var name: String?
    /// The licence by the hub's name for it, such as `apache-2.0`; `other` where it has none.
    package var license: String?
    /// The licence's own name, where `license` is `other`.
    package var licenseName: String?
    /// Where the licence's text is, where `license` is `other`.
    package var licenseLink: String?

    /// Nothing is known.
    package init() {}
}

extension Checkpoint {
    /// What the checkpoint's model card, its place in Hugging Face's cache, or its GGUF metadata say about the model. What is
    /// not of the form that the hub gives such settings is left out.
    ///
    /// - Throws: `FileError` where the card cannot be read; `FormatError` where metadata has a wrong type.
    package var origin: ModelOrigin {
        get throws {
            switch tokenizer {
            case .folder(let folder): try Self.origin(folder: folder, isPruned: manifest != nil)
            case .gguf(let metadata): try Self.origin(metadata)
            }
        }
    }

    private static func origin(folder: String, isPruned: Bool) throws -> ModelOrigin {
        var origin = ModelOrigin()
        let path = folder + "/" + ModelCard.fileName
        if FileSystem.exists(path), !FileSystem.isFolder(path) {
            let card = FrontMatter(try FileSystem.read(path))
            origin.license = plain(card["license"])
            if origin.license == "other" {
                origin.licenseName = plain(card["license_name"])
                origin.licenseLink = plain(card["license_link"])
            }
            // A pruned model's card names the model that was pruned.
            if isPruned { origin.hubName = hubName(card["base_model"]) }
        }
        if let name = cachedName(folder) { origin.hubName = name }
        return origin
    }

    private static func origin(_ metadata: GGUFMetadata) throws -> ModelOrigin {
        var origin = ModelOrigin()
        origin.name = try words(metadata.string("general.name"))
        origin.license = try plain(metadata.string("general.license"))
        if origin.license == "other" {
            origin.licenseName = try plain(metadata.string("general.license.name"))
            origin.licenseLink = try plain(metadata.string("general.license.link"))
        }
        let hub = "https://huggingface.co/"
        for key in ["general.source.huggingface.repository", "general.source.repo_url", "general.repo_url"] {
            guard let text = try metadata.string(key) else { continue }
            let name = text.hasPrefix(hub) ? String(text.dropFirst(hub.count)) : text
            if let name = hubName(name) { origin.hubName = origin.hubName ?? name }
        }
        return origin
    }

    /// The name on the hub of a folder `.../models--org--name/snapshots/revision` of Hugging Face's cache.
    private static func cachedName(_ folder: String) -> String? {
        let parts = folder.split(separator: "/")
        guard parts.count >= 3, parts[parts.count - 2] == "snapshots" else { return nil }
        let prefix = "models--"
        let name = parts[parts.count - 3]
        guard name.hasPrefix(prefix) else { return nil }
        var words = String(name.dropFirst(prefix.count))
        guard let range = words.firstRange(of: "--") else { return nil }
        words.replaceSubrange(range, with: "/")
        return hubName(words)
    }

    private static func isPlain(_ character: Character) -> Bool {
        character.isASCII && (character.isLetter || character.isNumber || "._-".contains(character))
    }

    /// A name such as `org/name`.
    private static func hubName(_ text: String?) -> String? {
        guard let text, text.count <= 200 else { return nil }
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, parts.allSatisfy({ !$0.isEmpty && $0.allSatisfy(isPlain) }) else { return nil }
        return text
    }

    /// A licence's name or the address of its text.
    private static func plain(_ text: String?) -> String? {
        guard let text, !text.isEmpty, text.count <= 200, text.allSatisfy({ isPlain($0) || "/:+".contains($0) })
        else { return nil }
        return text
    }

    /// A name in words, without anything that Markdown or YAML would take for more than letters.
    private static func words(_ text: String?) -> String? {
        guard let text, !text.isEmpty, text.count <= 200, text.allSatisfy({ isPlain($0) || $0 == " " }) else {
            return nil
        }
        return text
    }
}
