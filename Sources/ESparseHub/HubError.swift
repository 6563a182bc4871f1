// What can go wrong with a model on a hub, one sentence each.

import ESparseCore

/// A model cannot be had from the hub.
public enum HubError: Error, Equatable, Sendable, CustomStringConvertible {
    /// An environment variable, or a file that one names, holds something that cannot be used.
    case invalidSetting(name: String, reason: String)
    /// Neither a path nor a model of the hub.
    case noSuchModel(model: String, hub: String, hasToken: Bool)
    /// The repository has no such branch, tag or commit.
    case noSuchRevision(repository: String, revision: String, isCached: Bool)
    /// The repository has no such file at this revision.
    case noSuchFile(repository: String, file: String)
    /// The repository holds no model that can be opened.
    case unsuitable(model: String, reason: String)
    /// The model's owner must first let this user in.
    case gated(repository: String, hub: String, hasToken: Bool)
    /// The token is unknown or has expired.
    case tokenRefused(source: String, hub: String)
    /// The hub does not let this user read the file.
    case forbidden(repository: String, hub: String)
    /// The hub, or the proxy before it, cannot be reached, or the connection keeps breaking.
    case unreachable(address: String, reason: String)
    /// The hub wants fewer requests; `seconds` until it takes the next one, where it says so.
    case tooManyRequests(hub: String, seconds: Int?)
    /// The hub is out of order.
    case outOfOrder(hub: String, status: Int)
    /// The answer to a request contradicts itself or what the hub's protocol says.
    case invalidAnswer(about: String, reason: String)
    /// A redirect that must not be followed.
    case badRedirect(about: String, reason: String)
    /// What arrived is not what the hub announced.
    case wrongContent(file: String, reason: String)
    /// The disk has too little room; both in bytes.
    case diskTooSmall(what: String, needed: Int, free: Int, folder: String)
    /// The disk became full.
    case diskFull(folder: String)
    /// A file or folder of the cache cannot be made or read; `problem` says which and why.
    case unusableCache(folder: String, problem: String)
    /// Requests are forbidden, and the cache does not have the model.
    case notCached(model: String, folder: String)

    /// One sentence for the user.
    public var description: String {
        switch self {
        case .invalidSetting(let name, let reason): "\(name) \(reason)"
        case .noSuchModel(let model, let hub, let hasToken):
            "\(model) is no folder or file here, and \(hub) shows no model of that name"
                + (hasToken ? " to your token" : "")
                + "; check the spelling, give the path of a model, or set HF_TOKEN if the model is private"
        case .noSuchRevision(let repository, let revision, let isCached):
            "\(repository) has no branch, tag or commit \"\(revision)\" (any more); "
                + (isCached ? "set HF_HUB_OFFLINE=1 to open the copy in the cache, or " : "")
                + "give one that its page on the hub lists"
        case .noSuchFile(let repository, let file):
            "\(repository) has no file \(file); give one that its page on the hub lists"
        case .unsuitable(let model, let reason): "\(model) \(reason)"
        case .gated(let repository, let hub, let hasToken):
            "\(repository) is gated: ask for access at \(hub)/\(repository)"
                + (hasToken
                    ? " with the account that your token belongs to, and wait until it is granted"
                    : ", then set HF_TOKEN to a token of your account")
        case .tokenRefused(let source, let hub):
            "\(hub) refuses the token from \(source); replace it, or remove it to read public models"
        case .forbidden(let repository, let hub):
            "\(hub) does not let you read \(repository); check the rights of the token in HF_TOKEN"
        case .unreachable(let address, let reason):
            "cannot reach \(address): \(reason); check the network, HTTPS_PROXY and HF_ENDPOINT, and call again to go on"
        case .tooManyRequests(let hub, let seconds):
            "\(hub) wants fewer requests; call again "
                + (seconds.map { "in \($0) seconds" } ?? "later") + ", or set HF_TOKEN for a higher limit"
        case .outOfOrder(let hub, let status): "\(hub) is out of order (status \(status)); call again later to go on"
        case .invalidAnswer(let about, let reason):
            "the answer about \(about) cannot be used: \(reason); check HF_ENDPOINT and the proxy"
        case .badRedirect(let about, let reason):
            "the download of \(about) was sent elsewhere and stopped: \(reason); check HF_ENDPOINT and the proxy"
        case .wrongContent(let file, let reason):
            "what arrived of \(file) is not what the hub announced: \(reason); it was thrown away, call again"
        case .diskTooSmall(let what, let needed, let free, let folder):
            "\(what) needs \(needed) more bytes in \(folder), where \(free) are free; make room, or set HF_HOME to a folder "
                + "on another disk"
        case .diskFull(let folder):
            "the disk of \(folder) is full; make room, or set HF_HOME to a folder on another disk, and call again to go on"
        case .unusableCache(let folder, let problem):
            "\(problem); check the rights of the cache in \(folder), or set HF_HOME to a folder that you may write to"
        case .notCached(let model, let folder):
            "\(model) is no folder or file here, \(folder) has no complete copy of it, and HF_HUB_OFFLINE is set; unset it to "
                + "download the model, or give the path of one"
        }
    }

    /// Whether a complete copy in the cache may be used instead: the hub did not say that the revision is gone.
    package var leavesCachedCopyValid: Bool {
        switch self {
        case .noSuchModel, .gated, .tokenRefused, .forbidden, .unreachable, .tooManyRequests, .outOfOrder,
            .invalidAnswer, .badRedirect, .unusableCache:
            true
        case .invalidSetting, .noSuchRevision, .noSuchFile, .unsuitable, .wrongContent, .diskTooSmall, .diskFull,
            .notCached:
            false
        }
    }
}
