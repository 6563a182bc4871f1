// The Cholesky factor of a Hessian's inverse, by LAPACK.

import CESparseLAPACK
import Synchronization

/// Upper triangular U with `transpose(U) * U = inverse(H)`.
///
/// Row i of `U / U_ii` says how the weights of the channels after i best make up for removing the weight of channel i when
/// the channels before it are settled, and `U_ii^2` is the inverse's diagonal at i with those channels taken out.
package struct InverseFactor: Sendable {
    /// C: channels.
    package let channels: Int
    /// U, `[C, C]`, row-major, zeros below the diagonal.
    package let values: [Float]

    /// A LAPACK that was built without threads may not bear calls from several.
    private static let lapack = Mutex(())

    /// Factors a symmetric matrix `[C, C]`, of which only the lower triangle is read; nil where it is not positive definite
    /// in single precision.
    package init?(_ matrix: consuming [Float], channels: Int) {
        precondition(channels > 0 && channels <= Int(Int32.max) && matrix.count == channels * channels)
        var values = matrix
        let code = Self.lapack.withLock { _ in
            unsafe values.withUnsafeMutableBufferPointer { values in
                unsafe values.baseAddress.map { unsafe esparse_inverse_factor($0, Int32(channels)) } ?? 0
            }
        }
        guard code == 0, (0..<channels).allSatisfy({ values[$0 * (channels + 1)].isFinite }) else { return nil }
        self.channels = channels
        self.values = values
    }

    /// Diagonal of the inverse, `[C]`.
    package var inverseDiagonal: [Double] {
        var sums = [Double](repeating: 0, count: channels)
        let values = values.span
        for row in 0..<channels {
            for column in row..<channels {
                let value = Double(values[row * channels + column])
                sums[column] += value * value
            }
        }
        return sums
    }
}
