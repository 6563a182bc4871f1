// The size of a linear's outputs over the calibration tokens, `||X W^T||^2`, from sums of products alone.

import CESparseDNNL
package import ESparseCore

extension GramMatrix {
    /// Columns of the matrix that one task takes.
    private static let energyStrip = 256

    /// The sum over tokens and rows of the squared outputs of `weight` `[rows, C]`, row-major: `sum_i w_i G w_i^T`.
    ///
    /// Products are in single precision, their sum in double, in an order that does not depend on the threads of `parallel`.
    package func outputEnergy(of weight: [Float], rows: Int, parallel: ParallelLoop) -> Double {
        precondition(weight.count == rows * channels)
        let strips = (channels + Self.energyStrip - 1) / Self.energyStrip
        var energies = [Double](repeating: 0, count: strips)
        unsafe weight.withUnsafeBufferPointer { weight in
            unsafe energies.withUnsafeMutableBufferPointer { energies in
                guard let weight = weight.baseAddress, let energies = energies.baseAddress else { return }
                // Tasks read the weight and write one element each.
                nonisolated(unsafe) let pointers = unsafe (weight, energies)
                parallel(strips) { strip in
                    let first = strip * Self.energyStrip
                    unsafe pointers.1[strip] = energy(
                        of: pointers.0, rows: rows, columns: first..<min(first + Self.energyStrip, channels))
                }
            }
        }
        return energies.reduce(0, +)
    }

    /// The part of the sum in which `range` is the second channel of each product.
    private func energy(of weight: UnsafePointer<Float>, rows: Int, columns range: Range<Int>) -> Double {
        let width = range.count
        var strip = [Float](repeating: 0, count: channels * width)
        let values = values.span
        for channel in 0..<channels {
            for (index, other) in range.enumerated() {
                strip[channel * width + index] = values[max(channel, other) * channels + min(channel, other)]
            }
        }
        var product = [Float](repeating: 0, count: rows * width)
        let code = unsafe strip.withUnsafeBufferPointer { strip in
            unsafe product.withUnsafeMutableBufferPointer { product in
                guard let strip = strip.baseAddress, let product = product.baseAddress else { return Int32(0) }
                return unsafe esparse_dnnl_sgemm(
                    0, Int64(rows), Int64(width), Int64(channels), 1, weight, Int64(channels), strip, Int64(width), 0,
                    product, Int64(width))
            }
        }
        precondition(code == 0, "oneDNN failed to run a matrix product (code \(code))")
        var sum = 0.0
        for row in 0..<rows {
            for (index, channel) in range.enumerated() {
                sum += Double(unsafe weight[row * channels + channel]) * Double(product[row * width + index])
            }
        }
        return sum
    }
}
