// Cosines and sines of rotary positions, computed once for all layers of a model.

import ESparseCore
import Synchronization

/// Rows `[position, 2, frequency]`: cosines, then sines, of `position * frequency` radians; grows as positions are asked for.
final class RotaryTable: Sendable {
    private struct State {
        var positionCount = 0
        var rows: FloatBuffer?
    }

    private let frequencies: [Float]
    private let pool: BufferPool
    private let state = Mutex(State())

    init(frequencies: [Float], pool: BufferPool) {
        self.frequencies = frequencies
        self.pool = pool
    }

    /// A table of at least positions `[0, positionCount)`, never written again.
    func rows(positionCount: Int) -> FloatBuffer {
        state.withLock { state in
            if let rows = state.rows, state.positionCount >= positionCount { return rows }
            let newCount = RotaryAngles.capacity(for: positionCount)
            let rows = pool.buffer(count: newCount * 2 * frequencies.count)
            for position in 0..<newCount {
                let row = unsafe rows.start + position * 2 * frequencies.count
                for (index, frequency) in frequencies.enumerated() {
                    let (cosine, sine) = RotaryAngles.cosineAndSine(position: position, frequency: frequency)
                    unsafe row[index] = cosine
                    unsafe row[frequencies.count + index] = sine
                }
            }
            state.positionCount = newCount
            state.rows = rows
            return rows
        }
    }
}

/// One table for all layers with the same frequencies.
final class RotaryTables: Sendable {
    private let tables = Mutex<[[Float]: RotaryTable]>([:])

    func table(frequencies: [Float], pool: BufferPool) -> RotaryTable {
        tables.withLock { tables in
            if let table = tables[frequencies] { return table }
            let table = RotaryTable(frequencies: frequencies, pool: pool)
            tables[frequencies] = table
            return table
        }
    }
}
