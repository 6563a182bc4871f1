// The linear sum assignment problem, by shortest augmenting paths (the Hungarian method with potentials).

/// Gives every row of a square table a column of its own so that the sum of the gains is largest.
enum LinearAssignment {
    /// The column of each row, `[size]`; `gains` `[size, size]` are finite. Takes time in `size` cubed at worst.
    static func maximal(_ gains: [Double], size: Int) -> [Int] {
        precondition(gains.count == size * size)
        let gains = gains.span
        // Row and column 0 stand for "none"; costs are negated gains.
        var rowPotentials = [Double](repeating: 0, count: size + 1)
        var columnPotentials = rowPotentials
        var rowOfColumn = [Int](repeating: 0, count: size + 1)
        var previous = rowOfColumn
        for newRow in stride(from: 1, through: size, by: 1) {
            rowOfColumn[0] = newRow
            var column = 0
            var slack = [Double](repeating: .infinity, count: size + 1)
            var isVisited = [Bool](repeating: false, count: size + 1)
            repeat {
                isVisited[column] = true
                let row = rowOfColumn[column]
                var step = Double.infinity
                var next = 0
                for other in 1...size where !isVisited[other] {
                    let reduced =
                        -gains[(row - 1) * size + other - 1] - rowPotentials[row] - columnPotentials[other]
                    if reduced < slack[other] {
                        slack[other] = reduced
                        previous[other] = column
                    }
                    if slack[other] < step {
                        step = slack[other]
                        next = other
                    }
                }
                for other in 0...size {
                    if isVisited[other] {
                        rowPotentials[rowOfColumn[other]] += step
                        columnPotentials[other] -= step
                    } else {
                        slack[other] -= step
                    }
                }
                column = next
            } while rowOfColumn[column] != 0
            while column != 0 {
                rowOfColumn[column] = rowOfColumn[previous[column]]
                column = previous[column]
            }
        }
        var columnOfRow = [Int](repeating: 0, count: size)
        for column in stride(from: 1, through: size, by: 1) { columnOfRow[rowOfColumn[column] - 1] = column - 1 }
        return columnOfRow
    }
}
