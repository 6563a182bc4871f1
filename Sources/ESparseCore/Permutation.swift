// An order of input channels and its inverse.

/// A bijection of channels: position `j` of the permuted order holds original channel `order[j]`.
public struct Permutation: Sendable, Hashable {
    /// Original channel at each position.
    public let order: [Int32]

    /// Takes an order, or returns nil unless it holds every channel in `[0, order.count)` exactly once.
    public init?(_ order: [Int32]) {
        var seen = [Bool](repeating: false, count: order.count)
        for channel in order {
            guard channel >= 0, Int(channel) < order.count, !seen[Int(channel)] else { return nil }
            seen[Int(channel)] = true
        }
        self.order = order
    }

    /// The order that leaves every channel in its place.
    public static func identity(_ count: Int) -> Permutation {
        Permutation(unchecked: (0..<Int32(count)).map { $0 })
    }

    private init(unchecked order: [Int32]) { self.order = order }

    /// Number of channels.
    public var count: Int { order.count }

    /// Whether every channel stays in its place.
    public var isIdentity: Bool {
        order.enumerated().allSatisfy { $0.offset == Int($0.element) }
    }

    /// The bijection that undoes this one: original channel to position.
    public var inverse: Permutation {
        var positions = [Int32](repeating: 0, count: order.count)
        for (position, channel) in order.enumerated() { positions[Int(channel)] = Int32(position) }
        return Permutation(unchecked: positions)
    }

    /// The elements in permuted order: `result[j] = elements[order[j]]`.
    public func applied<Element>(to elements: [Element]) -> [Element] {
        precondition(elements.count == count)
        return order.map { elements[Int($0)] }
    }
}
