// Makes a finished block durable while the next one is calibrated.

import Dispatch
import Synchronization

/// Work that runs beside the caller and is waited for once.
final class BackgroundWrite: Sendable {
    private final class Outcome: Sendable {
        let result = Mutex<Result<Void, any Error>>(.success(()))
    }

    private let outcome = Outcome()
    private let group = DispatchGroup()

    /// Starts the work.
    init(_ work: @escaping @Sendable () throws -> Void) {
        DispatchQueue.global().async(group: group) { [outcome] in
            let result = Result { try work() }
            outcome.result.withLock { $0 = result }
        }
    }

    /// Returns when the work is done.
    ///
    /// - Throws: what the work threw.
    func wait() throws {
        group.wait()
        try outcome.result.withLock { $0 }.get()
    }
}
