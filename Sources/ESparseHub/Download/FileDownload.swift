// Fetches one file's contents into the cache: locked, continued where an earlier attempt ended, verified, then named.

import AsyncHTTPClient
import ESparseCore
import ESparseFormats
import NIOCore
import NIOHTTP1

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// The download of one file.
struct FileDownload {
    let client: HubClient
    let cache: HubCache
    let model: HubModel
    let file: RemoteFile
    let progress: DownloadProgress

    private static let pieceSize = 1 << 20

    private enum Outcome {
        case complete
        case broken(HubError)
        /// What is there is not the file's beginning, so that it must be fetched as a whole.
        case spoilt(HubError)
    }

    /// Makes sure that the contents are in the cache.
    ///
    /// - Throws: `HubError`; `FileError`; `InterruptedError`, after which the next call goes on where this one stopped.
    func run() async throws {
        let lock = try await lock()
        defer { withExtendedLifetime(lock) {} }
        // Another process may just have fetched it.
        guard !cache.has(file) else { return progress.advance(file.byteCount) }
        let target = try ResumableFile(path: cache.incompleteBlob(file.digest))
        var digest = file.digest.computation(byteCount: file.byteCount)
        try inherit(target, &digest)
        progress.advance(target.byteCount)
        var mayRestart = true
        try await client.repeating(attempts: client.settings.patience.attempts, progress: progress.reporter) {
            () async throws -> Void? in
            let start = target.byteCount
            do {
                switch try await fetch(into: target, &digest) {
                case .complete: break
                case .broken(let error):
                    // Some bytes more are progress; an end without any is a failure.
                    if target.byteCount > start { return nil }
                    throw PassingFailure(error: error)
                case .spoilt(let error):
                    try restart(target, &digest)
                    // What was put together from parts deserves a second try, what came in one piece does not.
                    guard start > 0, mayRestart else { throw error }
                    mayRestart = false
                    return nil
                }
            } catch is PassingFailure where target.byteCount > start {
                // The connection broke on the way.
                return nil
            }
            return ()
        }
        try target.commit(as: cache.blob(file.digest))
    }

    /// Waits for another process that fetches the same contents.
    private func lock() async throws -> FileLock {
        if let lock = try freeLock() { return lock }
        progress.reporter.note("Note: another process is fetching \(file.name); waiting for it")
        while true {
            try await client.pause(seconds: client.settings.patience.betweenLocks)
            if let lock = try freeLock() { return lock }
        }
    }

    /// The lock; nil while another process holds it.
    private func freeLock() throws(FileError) -> FileLock? {
        do {
            return try FileLock(path: cache.lock(file.digest), waits: false)
        } catch {
            guard error.code == EWOULDBLOCK else { throw error }
            return nil
        }
    }

    /// Takes over the bytes that an earlier call left.
    private func inherit(_ target: ResumableFile, _ digest: inout ContentDigest.Computation) throws {
        if target.byteCount > file.byteCount { try target.empty() }
        var place = 0
        while place < target.byteCount {
            try HubClient.checkStopped()
            let piece = try target.read(from: place, limit: Self.pieceSize)
            digest.update(piece)
            place += piece.count
        }
    }

    private func restart(_ target: ResumableFile, _ digest: inout ContentDigest.Computation) throws {
        progress.advance(-target.byteCount)
        try target.empty()
        digest = file.digest.computation(byteCount: file.byteCount)
    }

    /// Fetches what is missing, and verifies the whole.
    private func fetch(into target: ResumableFile, _ digest: inout ContentDigest.Computation) async throws -> Outcome {
        if target.byteCount < file.byteCount {
            let subject = Subject(model: model, file: file.name)
            let answer = try await client.answer(to: file.url, from: target.byteCount, about: subject)
            if let refusal = try accept(answer.status, answer.headers, target, &digest) { return .spoilt(refusal) }
            var pieces = answer.body.makeAsyncIterator()
            while let piece = try await client.passingFailures(at: file.url, { try await pieces.next() }) {
                try HubClient.checkStopped()
                guard piece.readableBytes <= file.byteCount - target.byteCount else {
                    return .spoilt(
                        .wrongContent(file: file.name, reason: "there are more than \(file.byteCount) bytes"))
                }
                let bytes = Array(piece.readableBytesView)
                try write(bytes, to: target)
                digest.update(bytes)
                progress.advance(bytes.count)
            }
            guard target.byteCount == file.byteCount else {
                return .broken(
                    .wrongContent(
                        file: file.name, reason: "it ended after \(target.byteCount) of \(file.byteCount) bytes"))
            }
        }
        guard digest.text == file.digest.text else {
            return .spoilt(
                .wrongContent(
                    file: file.name,
                    reason: "its \(file.digest.name) is \(digest.text) and should be \(file.digest.text)"))
        }
        return .complete
    }

    /// Checks the head of an answer; starts anew where all bytes come instead of the rest.
    ///
    /// - Returns: why what is there already cannot be gone on with; nil where the body follows on it.
    private func accept(
        _ status: HTTPResponseStatus, _ headers: HTTPHeaders, _ target: ResumableFile,
        _ digest: inout ContentDigest.Computation
    ) throws -> HubError? {
        func refusal(_ reason: String) -> HubError { .wrongContent(file: file.name, reason: reason) }
        switch status.code {
        case 416: return refusal("the hub has no bytes after the first \(target.byteCount)")
        case 206:
            let range = headers.first(name: "Content-Range")
            guard range == "bytes \(target.byteCount)-\(file.byteCount - 1)/\(file.byteCount)" else {
                return refusal("other bytes came than those after the first \(target.byteCount) of \(file.byteCount)")
            }
        case 200: if target.byteCount > 0 { try restart(target, &digest) }
        default: throw HubError.invalidAnswer(about: file.name, reason: "its status is \(status.code)")
        }
        let expected = file.byteCount - target.byteCount
        if let length = headers.first(name: "Content-Length"), Int(length) != expected {
            return refusal("it was announced with \(file.byteCount) bytes, and \(length) come where \(expected) should")
        }
        return nil
    }

    private func write(_ bytes: [UInt8], to target: ResumableFile) throws {
        do {
            try target.append(bytes)
        } catch {
            if [ENOSPC, EDQUOT].contains(error.code) { throw HubError.diskFull(folder: cache.root) }
            throw error
        }
    }
}
