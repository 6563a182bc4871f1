// What the hub says of a file before it is fetched: digest and size, from the headers of its own answer.

package import FoundationEssentials
package import NIOHTTP1

/// A file of a commit on the hub.
package struct RemoteFile: Sendable {
    /// Its path in the repository.
    package let name: String
    /// Where it is.
    package let url: URL
    /// The digest of its contents, which is its name in the cache.
    package let digest: ContentDigest
    /// Bytes.
    package let byteCount: Int

    /// Reads headers: `X-Linked-Etag` and `X-Linked-Size` of a large file, else `ETag` and `Content-Length`.
    ///
    /// - Throws: `HubError.invalidAnswer` where one is missing, or of another commit.
    package init(name: String, commit: String, url: URL, headers: HTTPHeaders) throws(HubError) {
        func refusal(_ reason: String) -> HubError { .invalidAnswer(about: name, reason: reason) }
        guard headers.first(name: "X-Repo-Commit") == commit else { throw refusal("it is not of commit \(commit)") }
        guard let etag = headers.first(name: "X-Linked-Etag") ?? headers.first(name: "ETag"),
            let digest = ContentDigest(etag: etag)
        else { throw refusal("it has no SHA-256 or Git blob id as ETag, so the file could not be verified") }
        guard let text = headers.first(name: "X-Linked-Size") ?? headers.first(name: "Content-Length"),
            let byteCount = Int(text), byteCount >= 0
        else { throw refusal("it does not say how many bytes the file has") }
        self.name = name
        self.url = url
        self.digest = digest
        self.byteCount = byteCount
    }

    /// Asks the hub.
    ///
    /// - Throws: as `HubClient.headers(of:about:)`.
    package static func describe(
        _ name: String, of model: HubModel, commit: String, by client: HubClient
    ) async throws -> RemoteFile {
        let subject = Subject(model: model, file: name)
        guard let url = client.settings.address(of: name, commit: commit, repository: model.repository) else {
            throw HubError.invalidAnswer(about: model.description, reason: "it names a file that has no address")
        }
        return try RemoteFile(
            name: name, commit: commit, url: url, headers: try await client.headers(of: url, about: subject))
    }
}
