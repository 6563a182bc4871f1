// What a checkpoint is called in reports and model cards.

extension Checkpoint {
    /// The name of the model at `path`: `org/name` where the path lies in the hub's cache, else its last part.
    package static func name(of path: String) -> String {
        let parts = FileSystem.trimmed(path).split(separator: "/")
        let last = FileSystem.name(of: path)
        guard let place = parts.lastIndex(where: { $0.hasPrefix("models--") }), parts.count > place + 2,
            parts[place + 1] == "snapshots"
        else { return last }
        // The hub forbids "--" in names, so the two parts are told apart.
        let words = parts[place].dropFirst("models--".count).split(separator: "--", omittingEmptySubsequences: false)
        guard words.count == 2, !words.contains("") else { return last }
        return words.joined(separator: "/") + (parts.count > place + 3 ? "/" + last : "")
    }
}
