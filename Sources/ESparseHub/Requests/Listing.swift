// The commit that a revision is, and the names of its files, as the hub's API says.

import AsyncHTTPClient
import ESparseFormats
import FoundationEssentials
import NIOCore

/// The files of a commit.
package struct Listing: Sendable, Equatable {
    /// 40 hexadecimal digits.
    package let commit: String
    /// Names as the hub has them; they are no paths before they are checked.
    package let names: Set<String>

    private static let longestAnswer = 1 << 26

    /// Reads the answer to a request about a revision.
    ///
    /// - Parameters:
    ///   - json: `sha`, and `siblings` with an `rfilename` each.
    ///   - model: what was asked for; a whole commit must come back as it is.
    /// - Throws: `HubError.invalidAnswer`.
    package init(json: [UInt8], of model: HubModel) throws(HubError) {
        func refusal(_ reason: String) -> HubError { .invalidAnswer(about: model.description, reason: reason) }
        guard let value = try? JSONParser.parse(json, repairsText: true) else { throw refusal("it is not JSON") }
        guard let commit = value["sha"]?.text, HubModel.isCommit(commit), !model.isPinned || commit == model.revision
        else { throw refusal("it does not name the commit") }
        guard let files = value["siblings"]?.array else { throw refusal("it does not list the files") }
        self.commit = commit
        names = Set(files.compactMap { $0["rfilename"]?.text })
    }

    /// Asks the hub.
    ///
    /// - Throws: as `HubClient.repeating`.
    package static func fetch(
        _ model: HubModel, by client: HubClient
    ) async throws -> Listing {
        guard let url = client.settings.listing(of: model) else {
            throw HubError.invalidSetting(name: "HF_ENDPOINT", reason: "gives no address for \(model)")
        }
        let subject = Subject(model: model, file: nil)
        let answer = try await client.answer(to: url, from: 0, about: subject)
        let body = try await client.passingFailures(at: url) {
            do {
                return try await answer.body.collect(upTo: longestAnswer)
            } catch is NIOTooManyBytesError {
                throw HubError.invalidAnswer(
                    about: model.description, reason: "it has more than \(longestAnswer) bytes")
            }
        }
        return try Listing(json: Array(body.readableBytesView), of: model)
    }
}
