// Products in cuBLASLt's terms: column-major matrices, transposed or not.

/// A matrix as cuBLASLt sees it: column-major.
package struct MatrixLayout: Sendable {
    /// `cudaDataType` of its elements.
    let number: Int32
    let rows: Int
    let columns: Int
    /// Elements from one column to the next.
    let stride: Int
}

/// A product in cuBLASLt's terms: of two matrices, each as it is or transposed.
package struct ProductLayout: Sendable {
    /// What errors call it.
    let name: String
    let transposesFirst: Bool
    let transposesSecond: Bool
    let first: MatrixLayout
    let second: MatrixLayout
    let output: MatrixLayout
    /// Whether a bias for each of the output's rows is added.
    let hasBias: Bool
}
