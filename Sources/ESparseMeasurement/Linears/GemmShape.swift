// The matrix products that are measured: a model's four linears as the paper counts them, or any shape.

import ESparseCore
import ESparseModels

/// A linear's weight shape with what it is for.
public struct GemmShape: Sendable, Hashable {
    /// The model's name, or "custom".
    public let model: String
    /// "QKV", "attention out", "FFN-1" or "FFN-2"; the shape itself where no model was named.
    public let layer: String
    /// Output channels.
    public let rows: Int
    /// Input channels.
    public let columns: Int

    /// Describes a shape.
    public init(model: String, layer: String, rows: Int, columns: Int) {
        self.model = model
        self.layer = layer
        self.rows = rows
        self.columns = columns
    }

    static let largestExtent = 1 << 20
    static let mostWeights = 1 << 31
    static let knownModels = KnownModel.allCases.map(\.rawValue)

    /// "4096x11008": rows, then columns.
    public var name: String { "\(rows)x\(columns)" }

    /// How a model's linears are counted.
    public enum Grouping: Sendable {
        /// As the paper's table has them: four products, query, key and value as one.
        case paper
        /// As they are run, each shape once.
        case storedLinears
    }

    /// Reads a comma-separated list of models' names and shapes ROWSxCOLUMNS.
    ///
    /// - Throws: `MeasurementError` for text that is neither.
    public static func list(_ text: String, as grouping: Grouping = .paper) throws -> [GemmShape] {
        try text.split(separator: ",", omittingEmptySubsequences: false).flatMap { try shapes(String($0), grouping) }
    }

    private static func shapes(_ text: String, _ grouping: Grouping) throws -> [GemmShape] {
        if let model = KnownModel(rawValue: text) {
            let architecture = try ModelArchitecture(configuration: model.configuration())
            switch grouping {
            case .paper: return shapes(of: architecture, model: model.rawValue)
            case .storedLinears: return storedShapes(of: architecture, model: model.rawValue)
            }
        }
        let parts = text.split(separator: "x", omittingEmptySubsequences: false)
        let isNumber = parts.allSatisfy { !$0.isEmpty && $0.utf8.allSatisfy { (0x30...0x39).contains($0) } }
        guard parts.count == 2, isNumber else { throw MeasurementError.unknownShape(text) }
        guard let rows = Int(parts[0]), let columns = Int(parts[1]), (1...largestExtent).contains(rows),
            (1...largestExtent).contains(columns), rows * columns <= mostWeights
        else { throw MeasurementError.shapeTooLarge(text) }
        return [GemmShape(model: "custom", layer: text, rows: rows, columns: columns)]
    }

    private static func storedShapes(of architecture: ModelArchitecture, model: String) -> [GemmShape] {
        var shapes: [GemmShape] = []
        for product in architecture.blocks.first?.sites.flatMap(\.products) ?? [] {
            let (rows, columns) = (product.rows.count, product.linear.columns)
            let shape = GemmShape(model: model, layer: "\(rows)x\(columns)", rows: rows, columns: columns)
            if !shapes.contains(shape) { shapes.append(shape) }
        }
        return shapes
    }

    /// The products of a decoder block as the paper's table has them: query, key and value as one matrix, and one of the
    /// first feed-forward linears. Sites that the table does not have are left out.
    static func shapes(of architecture: ModelArchitecture, model: String) -> [GemmShape] {
        let sites = architecture.blocks.first?.sites ?? []
        return sites.compactMap { site in
            func shape(_ layer: String, _ products: [LinearRows]) -> GemmShape {
                GemmShape(
                    model: model, layer: layer, rows: products.reduce(0) { $0 + $1.rows.count }, columns: site.channels)
            }
            return switch site.name {
            case SelfAttentionDescription.inputSite: shape("QKV", site.products)
            case SelfAttentionDescription.outputSite: shape("attention out", site.products)
            case FeedForwardDescription.inputSite: shape("FFN-1", [site.products[0]])
            case FeedForwardDescription.outputSite: shape("FFN-2", site.products)
            default: nil
            }
        }
    }
}
