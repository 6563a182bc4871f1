// What the environment says about the hub: where it is, who asks, where files are kept.

import ESparseCore
import ESparseFormats
package import FoundationEssentials

/// The settings of a hub, under the names that huggingface_hub gives them.
package struct HubSettings: Sendable {
    /// A token and what it was taken from.
    package struct Token: Sendable, Equatable {
        /// What is sent.
        package let text: String
        /// A variable or a file, for messages.
        package let source: String
    }

    /// Where the hub is; without a slash at its end.
    package let endpoint: URL
    /// Who asks; nil sends no token.
    package let token: Token?
    /// The folder that Python shares.
    package let cache: String
    /// Whether no request may be sent.
    package let isOffline: Bool
    /// How to get out.
    package let proxies: ProxyRules
    /// How long to wait.
    package var patience = Patience()

    /// Reads `HF_ENDPOINT`, `HF_TOKEN`, `HF_HOME`, `HF_HUB_CACHE`, `HF_HUB_OFFLINE` and the variables of proxies.
    ///
    /// - Throws: `HubError.invalidSetting`; `FileError` when the token's file cannot be read.
    package init(environment: [String: String]) throws {
        func value(_ names: String...) -> (name: String, text: String)? {
            names.lazy.compactMap { name in environment[name].flatMap { $0.isEmpty ? nil : (name, $0) } }.first
        }
        func isTrue(_ name: String) -> Bool {
            ["1", "ON", "YES", "TRUE"].contains(environment[name]?.uppercased())
        }
        func expanded(_ text: String) -> String { Self.expand(text, environment) }

        endpoint = try Self.endpoint(value("HF_ENDPOINT")?.text ?? "https://huggingface.co")
        let general = value("XDG_CACHE_HOME")?.text ?? value("HOME").map { $0.text + "/.cache" }
        let home = value("HF_HOME").map { FileSystem.trimmed($0.text) } ?? general.map { $0 + "/huggingface" }
        guard let cache = value("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE")?.text ?? home.map({ $0 + "/hub" }) else {
            throw HubError.invalidSetting(
                name: "HF_HOME", reason: "is not set, nor is HOME; set it to a folder for downloaded models")
        }
        self.cache = FileSystem.trimmed(expanded(cache))
        isOffline = isTrue("HF_HUB_OFFLINE") || isTrue("TRANSFORMERS_OFFLINE")
        proxies = try ProxyRules(environment: environment)
        if isTrue("HF_HUB_DISABLE_IMPLICIT_TOKEN") {
            token = nil
        } else if let given = value("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN") {
            token = try Self.token(given.text, source: given.name)
        } else if let path = value("HF_TOKEN_PATH")?.text ?? home.map({ $0 + "/token" }),
            FileSystem.exists(expanded(path))
        {
            let bytes = try FileSystem.read(expanded(path)).prefix(Self.longestToken + 1)
            token = try Self.token(String(decoding: bytes, as: UTF8.self), source: expanded(path))
        } else {
            token = nil
        }
    }

    private static let longestToken = 4096

    /// A token without the white space around it; nil where nothing else is there.
    private static func token(_ text: String, source: String) throws -> Token? {
        let words = text.split(whereSeparator: \.isWhitespace)
        guard let word = words.first else { return nil }
        let isPlain = word.utf8.allSatisfy { (0x21...0x7E).contains($0) } && word.utf8.count <= longestToken
        guard words.count == 1, isPlain else {
            throw HubError.invalidSetting(
                name: source, reason: "holds no token, which is one word of letters and digits; mend or remove it")
        }
        return Token(text: String(word), source: source)
    }

    private static func endpoint(_ text: String) throws -> URL {
        var trimmed = text[...]
        while trimmed.last == "/" { trimmed.removeLast() }
        guard let url = URL(string: String(trimmed)), WebAddress.origin(of: url) != nil, url.query == nil,
            url.fragment == nil
        else {
            throw HubError.invalidSetting(
                name: "HF_ENDPOINT",
                reason: "is \"\(text)\", which is no http:// or https:// address; mend it or unset it")
        }
        return url
    }

    /// A path with `~` and variables replaced, as Python's `expanduser` and `expandvars` do.
    static func expand(_ path: String, _ environment: [String: String]) -> String {
        var text = ""
        var rest = path[...]
        while let dollar = rest.firstIndex(of: "$") {
            text += rest[..<dollar]
            rest = rest[rest.index(after: dollar)...]
            let isBraced = rest.first == "{"
            let body = isBraced ? rest.dropFirst() : rest
            let name = body.prefix { $0 == "_" || $0.isASCII && ($0.isLetter || $0.isNumber) }
            let end = body[name.endIndex...]
            guard let value = environment[String(name)], !isBraced || end.first == "}" else {
                text += "$"
                continue
            }
            text += value
            rest = isBraced ? end.dropFirst() : end
        }
        text += rest
        guard text == "~" || text.hasPrefix("~/"), let home = environment["HOME"] else { return text }
        return home + text.dropFirst()
    }
}

/// How long to wait for the hub, in seconds.
package struct Patience: Sendable {
    /// For a connection.
    package var connecting = 10.0
    /// For the start of an answer, and between two parts of one.
    package var answering = 30.0
    /// Before the second attempt; doubled for each further one.
    package var betweenAttempts = 1.0
    /// The longest wait that the hub may ask for.
    package var longestPause = 300.0
    /// Attempts of a request without progress.
    package var attempts = 5
    /// Attempts of the first request, after which there is no network.
    package var firstAttempts = 3
    /// Before a lock that another process holds is tried again.
    package var betweenLocks = 0.2
}
