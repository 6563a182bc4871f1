import Testing

@Suite struct PlaceholderEvaluationTests {
    @Test func builds() { #expect(Bool(true)) }
}
