// Cosines and sines of rotary positions, computed once for all layers of a model.

import ESparseCore
import Synchronization

/// Rows `[row, 2, frequency]` of `RotaryAngles`: cosines, then sines; grows as rows are asked for.
final class RotaryTable: Sendable {
    private struct State {
        var rowCount = 0
        var rows: FloatBuffer?
    }

    let angles: RotaryAngles
    private let pool: BufferPool
    private let state = Mutex(State())

    init(_ angles: RotaryAngles, pool: BufferPool) {
        self.angles = angles
        self.pool = pool
    }

    /// A table of at least rows `[0, rowCount)`, never written again.
    func rows(_ rowCount: Int) -> FloatBuffer {
        state.withLock { state in
            if let rows = state.rows, state.rowCount >= rowCount { return rows }
            let newCount = RotaryAngles.capacity(for: rowCount)
            let frequencyCount = angles.frequencyCount
            let rows = pool.buffer(count: newCount * 2 * frequencyCount)
            for row in 0..<newCount {
                let place = unsafe rows.start + row * 2 * frequencyCount
                for index in 0..<frequencyCount {
                    let (cosine, sine) = angles.cosineAndSine(row: row, index: index)
                    unsafe place[index] = cosine
                    unsafe place[frequencyCount + index] = sine
                }
            }
            state.rowCount = newCount
            state.rows = rows
            return rows
        }
    }
}

/// One table for all layers with the same angles.
final class RotaryTables: Sendable {
    private let tables = Mutex<[RotaryAngles: RotaryTable]>([:])

    func table(_ angles: RotaryAngles, pool: BufferPool) -> RotaryTable {
        tables.withLock { tables in
            if let table = tables[angles] { return table }
            let table = RotaryTable(angles, pool: pool)
            tables[angles] = table
            return table
        }
    }
}
