// Servers on this machine: a hub, and a proxy that leads to it.

import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// A hub on a port of 127.0.0.1; its storage of large files is the same port of localhost, which is another host by name.
final class LoopbackHub: Sendable {
    let script: HubScript
    let port: Int
    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)

    init(_ repository: FakeRepository = .sharded) throws {
        let script = HubScript(repository)
        self.script = script
        port = try Self.listen(group) { channel in try HubHandler.add(to: channel, script) }
        script.setStorage("http://localhost:\(port)")
    }

    deinit { try? group.syncShutdownGracefully() }

    var address: String { "http://127.0.0.1:\(port)" }

    /// Listens on a free port of 127.0.0.1.
    static func listen(
        _ group: MultiThreadedEventLoopGroup, _ prepare: @escaping @Sendable (any Channel) throws -> Void
    ) throws -> Int {
        let channel = try ServerBootstrap(group: group)
            .childChannelInitializer { channel in channel.eventLoop.makeCompletedFuture { try prepare(channel) } }
            .bind(host: "127.0.0.1", port: 0).wait()
        return channel.localAddress?.port ?? 0
    }
}

/// Reads requests and writes replies as slowly, and as far, as they say.
final class HubHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let script: HubScript
    private var head: HTTPRequestHead?

    private init(_ script: HubScript) { self.script = script }

    static func add(to channel: any Channel, _ script: HubScript) throws {
        try channel.pipeline.syncOperations.configureHTTPServerPipeline()
        try channel.pipeline.syncOperations.addHandler(HubHandler(script))
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): self.head = head
        case .body: break
        case .end:
            guard let head else { return }
            let request = HubRequest(method: head.method, path: head.uri, headers: head.headers)
            answer(script.reply(to: request), isHead: head.method == .HEAD, context)
        }
    }

    private func answer(_ reply: HubReply, isHead: Bool, _ context: ChannelHandlerContext) {
        var headers = HTTPHeaders(reply.headers.map { ($0.key, $0.value) })
        headers.replaceOrAdd(name: "Content-Length", value: "\(reply.claimedLength ?? reply.body.count)")
        let part = HTTPServerResponsePart.head(
            HTTPResponseHead(version: .http1_1, status: reply.status, headers: headers))
        if reply.pause == 0 { return start(part, reply, isHead: isHead, context) }
        later(reply.pause, context) { $0.start(part, reply, isHead: isHead, $1) }
    }

    private func start(
        _ head: HTTPServerResponsePart, _ reply: HubReply, isHead: Bool, _ context: ChannelHandlerContext
    ) {
        context.writeAndFlush(wrapOutboundOut(head), promise: nil)
        if isHead {
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        } else {
            send(reply.body.prefix(reply.breaksAfter ?? .max), reply, context)
        }
    }

    private func send(_ rest: ArraySlice<UInt8>, _ reply: HubReply, _ context: ChannelHandlerContext) {
        guard !rest.isEmpty else {
            guard reply.breaksAfter == nil else { return context.close(promise: nil) }
            return context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        }
        let piece = rest.prefix(10_000)
        context.writeAndFlush(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: piece)))), promise: nil)
        let left = rest.dropFirst(piece.count)
        if reply.delay == 0 { return send(left, reply, context) }
        later(reply.delay, context) { $0.send(left, reply, $1) }
    }

    private func later(
        _ milliseconds: Int64, _ context: ChannelHandlerContext,
        _ work: @escaping (HubHandler, ChannelHandlerContext) -> Void
    ) {
        let bound = NIOLoopBound((self, context, work), eventLoop: context.eventLoop)
        context.eventLoop.scheduleTask(in: .milliseconds(milliseconds)) {
            let (handler, context, work) = bound.value
            if context.channel.isActive { work(handler, context) }
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}

/// A proxy: whatever host it is told to connect to, it is the hub that answers.
final class LoopbackProxy: Sendable {
    let port: Int
    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    private let heads: Heads

    /// What was asked of the proxy itself.
    final class Heads: Sendable {
        let texts = Mutex<[String]>([])
    }

    init(to script: HubScript, refuses: Bool = false) throws {
        let heads = Heads()
        self.heads = heads
        port = try LoopbackHub.listen(group) { channel in
            try channel.pipeline.syncOperations.addHandler(ConnectHandler(script, heads, refuses: refuses))
        }
    }

    deinit { try? group.syncShutdownGracefully() }

    var requests: [String] { heads.texts.withLock { $0 } }
}

/// Answers one CONNECT, then makes the connection the hub's.
private final class ConnectHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let script: HubScript
    private let heads: LoopbackProxy.Heads
    private let refuses: Bool
    private var text = ""

    init(_ script: HubScript, _ heads: LoopbackProxy.Heads, refuses: Bool) {
        self.script = script
        self.heads = heads
        self.refuses = refuses
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        text += String(buffer: unwrapInboundIn(data))
        guard text.hasSuffix("\r\n\r\n") else { return }
        heads.texts.withLock { $0.append(text) }
        let answer = refuses ? "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n" : "HTTP/1.1 200 OK\r\n\r\n"
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: answer)), promise: nil)
        guard !refuses else { return }
        do {
            try HubHandler.add(to: context.channel, script)
            context.pipeline.syncOperations.removeHandler(self, promise: nil)
        } catch {
            context.close(promise: nil)
        }
    }
}
