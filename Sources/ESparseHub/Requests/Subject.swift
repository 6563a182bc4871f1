// Whom a request is about, and what the hub's refusals then mean.

package import NIOHTTP1

/// A failure that may be gone at the next attempt.
package struct PassingFailure: Error {
    /// What to say when attempts are used up.
    package let error: HubError
    /// Seconds that the hub asks to wait; nil where it says nothing.
    package let pause: Double?

    package init(error: HubError, pause: Double? = nil) {
        self.error = error
        self.pause = pause
    }
}

/// A model, or one file of it.
package struct Subject: Sendable {
    /// The model as it was asked for.
    package let model: HubModel
    /// A file of the model; nil for its listing.
    package let file: String?

    package init(model: HubModel, file: String?) {
        self.model = model
        self.file = file
    }

    /// For messages.
    package var name: String { file.map { "\($0) of \(model.repository)" } ?? model.description }

    /// Returns where a status is a success or a redirect.
    ///
    /// The hub says in `X-Error-Code` what is missing. Without a token it answers 401 for models that do not exist, too.
    ///
    /// - Throws: `HubError`; `PassingFailure` for a status that asks to come again.
    package func check(_ status: HTTPResponseStatus, _ headers: HTTPHeaders, settings: HubSettings) throws {
        guard status.code >= 400 || status.code < 200 else { return }
        let hub = settings.name
        let noSuchModel = HubError.noSuchModel(
            model: model.description, hub: hub, hasToken: settings.token != nil)
        switch (status.code, headers.first(name: "X-Error-Code") ?? "") {
        case (_, "GatedRepo"):
            throw HubError.gated(repository: model.repository, hub: hub, hasToken: settings.token != nil)
        case (_, "RevisionNotFound"):
            throw HubError.noSuchRevision(repository: model.repository, revision: model.revision, isCached: false)
        case (_, "RepoNotFound"): throw noSuchModel
        case (404, _):
            throw file.map { .noSuchFile(repository: model.repository, file: $0) } ?? noSuchModel
        case (401, _):
            guard let token = settings.token else { throw noSuchModel }
            throw HubError.tokenRefused(source: token.source, hub: hub)
        case (403, _): throw HubError.forbidden(repository: model.repository, hub: hub)
        case (429, _):
            let seconds = Self.pause(headers)
            throw PassingFailure(
                error: .tooManyRequests(hub: hub, seconds: seconds), pause: seconds.map { Double($0) })
        case (408, _), (500..., _): throw PassingFailure(error: .outOfOrder(hub: hub, status: Int(status.code)))
        default: throw HubError.invalidAnswer(about: name, reason: "its status is \(status.code)")
        }
    }

    /// Seconds until the next request is welcome: `Retry-After` in seconds, or the `t` of a `RateLimit` header.
    package static func pause(_ headers: HTTPHeaders) -> Int? {
        let limit = headers.first(name: "RateLimit")?.split(separator: ";").compactMap { item -> Substring? in
            let pair = item.drop { $0 == " " }
            return pair.hasPrefix("t=") ? pair.dropFirst(2) : nil
        }.first
        let text = headers.first(name: "Retry-After").map { $0[...] } ?? limit
        return text.flatMap { Int($0) }.flatMap { (0...1_000_000).contains($0) ? $0 : nil }
    }
}
