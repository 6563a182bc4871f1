// The linears whose rows are a site's channels: an order of the channels that is put into their rows costs nothing later.

package import ESparseCore

/// Rows of linears that become an input site's channels, so that permuting the rows permutes the channels.
///
/// The P rows are in runs of L, and only rows of one run may change places. Every run is `copies` runs of the site's channels, one
/// after the other: run r of P rows is channels `[r * copies * L, (r + 1) * copies * L)`. The inner channels of a feed-forward
/// layer are one run and one copy; the rows of a value projection are a run for each key/value head, copied to all query heads of
/// its group.
package struct ChannelProducers: Sendable {
    /// The rows, equally many of each linear; a gated layer's channels come from two linears.
    package let rows: [LinearRows]
    /// P: rows that are taken of each linear.
    package let rowCount: Int
    /// L: rows of a run.
    package let runLength: Int
    /// Runs of channels that one run of rows becomes.
    package let copies: Int

    /// Takes at least one range of rows, in any order inside runs of `runLength`, all of them where it is nil.
    package init(_ rows: [LinearRows], runLength: Int? = nil, copies: Int = 1) {
        let rowCount = rows[0].rows.count
        let runLength = runLength ?? rowCount
        precondition(copies > 0 && rowCount > 0 && rowCount % runLength == 0)
        precondition(rows.allSatisfy { $0.rows.count == rowCount })
        self.rows = rows
        self.rowCount = rowCount
        self.runLength = runLength
        self.copies = copies
    }

    /// C: channels of the site.
    package var channelCount: Int { rowCount * copies }

    /// The channels that the P rows become in their copy number `copy`, `[P]`.
    package func channels(ofCopy copy: Int) -> [Int32] {
        (0..<rowCount).map { row in
            Int32((row / runLength * copies + copy) * runLength + row % runLength)
        }
    }

    /// The order of the site's channels, `[C]`, where the P rows are in the order `rows`.
    package func channelOrder(_ rows: Permutation) -> Permutation {
        precondition(rows.count == rowCount)
        let channels = (0..<copies).map { self.channels(ofCopy: $0) }
        let order = (0..<channelCount).map { channel in
            let (run, place) = (channel / runLength, channel % runLength)
            return channels[run % copies][Int(rows.order[run / copies * runLength + place])]
        }
        guard let permutation = Permutation(order) else { preconditionFailure("an order mixes runs of rows") }
        return permutation
    }

    /// For each place of a linear the row that lies there, where the P rows are in the order `order`.
    package func rowOrder(_ order: Permutation, of linear: LinearDescription) -> [Int32] {
        var all = (0..<Int32(linear.rows)).map { $0 }
        for taken in rows where taken.linear == linear { taken.permute(&all, by: order) }
        return all
    }

    /// The linears that rows are taken of, each once.
    package var linears: [LinearDescription] {
        var linears: [LinearDescription] = []
        for taken in rows where !linears.contains(taken.linear) { linears.append(taken.linear) }
        return linears
    }
}
