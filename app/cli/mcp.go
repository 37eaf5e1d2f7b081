package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"

	"github.com/spf13/cobra"

	"github.com/penstock/penstock/app/cli/command"
	"github.com/penstock/penstock/client"
)

func newMCP(e command.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use: "mcp", Short: "Serve the tools of a server to a local MCP client, over standard input and output",
		Long: "Serve the tools of a server to a local client of the Model Context Protocol (MCP), over standard input\n" +
			"and output: it passes each message on to /mcp of the server, with the credentials of this command.\n" +
			"Clients that speak HTTP need no such program.\n\n" + command.RemoteHelp,
		Args: command.UsageArgs(cobra.NoArgs), Example: "  penstock login https://penstock.example.org && penstock mcp",
	}
	var url string
	command.AddURL(cmd, &url)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		server, err := e.Remote(url, nil)
		if err != nil {
			return err
		}
		b := &mcpBridge{server: server, out: cmd.OutOrStdout(), calls: map[string]context.CancelFunc{}}
		return b.run(cmd.Context(), cmd.InOrStdin())
	}
	return cmd
}

// maxMCPMessage is the largest message from the client, in bytes.
const maxMCPMessage = 16 << 20

// mcpStateless is the first version of the protocol without sessions, where the end of a request cancels its call.
const mcpStateless = "2026-07-28"

// mcpBridge passes messages between a client at standard input and output, one in a line, and a server.
type mcpBridge struct {
	server *client.Client

	outMu sync.Mutex
	out   io.Writer // guarded by outMu

	mu      sync.Mutex                    // guards the fields below
	session string                        // that the server has opened; empty: none
	version string                        // that was agreed on; empty: none yet
	calls   map[string]context.CancelFunc // requests without a response, by id
}

// mcpMessage is what the bridge reads of a message.
type mcpMessage struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Params struct {
		Name      string                     `json:"name"`
		URI       string                     `json:"uri"`
		RequestID json.RawMessage            `json:"requestId"`
		Meta      map[string]json.RawMessage `json:"_meta"`
	} `json:"params"`
}

// run passes messages on until the input ends and every request has its response.
func (b *mcpBridge) run(ctx context.Context, in io.Reader) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxMCPMessage)
	var open sync.WaitGroup
	defer open.Wait()
	for lines.Scan() {
		line := bytes.Clone(bytes.TrimSpace(lines.Bytes()))
		if len(line) == 0 {
			continue
		}
		var m mcpMessage
		if err := json.Unmarshal(line, &m); err != nil {
			b.write(mcpError(nil, -32700, "the line is no JSON-RPC message: "+err.Error()))
			continue
		}
		if m.Method == "initialize" || m.Method == "notifications/initialized" {
			b.pass(ctx, line, &m) // what follows has its session
			continue
		}
		open.Go(func() { b.pass(ctx, line, &m) })
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read from the client: %w", err)
	}
	return ctx.Err()
}

// pass sends a message to the server, and writes its answers.
func (b *mcpBridge) pass(ctx context.Context, line []byte, m *mcpMessage) {
	header, stateless := b.header(m)
	if m.Method == "notifications/cancelled" && stateless {
		b.cancel(string(m.Params.RequestID))
		return
	}
	ctx, done := b.begin(ctx, string(m.ID))
	defer done()
	answer, err := b.server.Message(ctx, line, header, func(answer json.RawMessage) {
		if m.Method == "initialize" {
			b.agree(answer)
		}
		b.write(answer)
	})
	switch {
	case err != nil && ctx.Err() == nil && m.ID != nil:
		b.write(mcpError(m.ID, -32000, err.Error()))
	case err == nil && m.Method == "initialize":
		b.mu.Lock()
		b.session = answer.Get("Mcp-Session-Id")
		b.mu.Unlock()
	}
}

// header returns the headers that the transport over HTTP wants, and whether the message has no session.
func (b *mcpBridge) header(m *mcpMessage) (_ http.Header, stateless bool) {
	b.mu.Lock()
	version, session := b.version, b.session
	b.mu.Unlock()
	if own, ok := m.Params.Meta["io.modelcontextprotocol/protocolVersion"]; ok {
		_ = json.Unmarshal(own, &version) // the server reports what is no text
	}
	h := http.Header{}
	set := func(name, value string) {
		if value != "" {
			h.Set(name, value)
		}
	}
	set("Mcp-Protocol-Version", version)
	if version < mcpStateless {
		set("Mcp-Session-Id", session)
		return h, false
	}
	set("Mcp-Method", m.Method)
	set("Mcp-Name", m.Params.Name)
	set("Mcp-Name", m.Params.URI)
	return h, true
}

// agree reads the version in the response to initialize.
func (b *mcpBridge) agree(answer json.RawMessage) {
	var r struct {
		Result struct {
			Version string `json:"protocolVersion"`
		} `json:"result"`
	}
	if json.Unmarshal(answer, &r) == nil {
		b.mu.Lock()
		b.version = r.Result.Version
		b.mu.Unlock()
	}
}

// begin notes a request, so that cancel ends it. done must be called at its end.
func (b *mcpBridge) begin(ctx context.Context, id string) (_ context.Context, done func()) {
	ctx, cancel := context.WithCancel(ctx)
	if id == "" {
		return ctx, cancel
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls[id] = cancel
	return ctx, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.calls, id)
		cancel()
	}
}

func (b *mcpBridge) cancel(id string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if cancel := b.calls[id]; cancel != nil {
		cancel()
	}
}

// write writes a message as one line.
func (b *mcpBridge) write(message []byte) {
	var line bytes.Buffer
	if json.Compact(&line, message) != nil {
		return // the server sends JSON
	}
	line.WriteByte('\n')
	b.outMu.Lock()
	defer b.outMu.Unlock()
	_, _ = b.out.Write(line.Bytes()) // a client that has gone closes the input, too
}

func mcpError(id json.RawMessage, code int, message string) []byte {
	if id == nil {
		id = json.RawMessage("null")
	}
	text, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": id, "error": map[string]any{"code": code, "message": message}})
	if err != nil {
		panic(err) // texts and an id that was parsed can be encoded
	}
	return text
}
