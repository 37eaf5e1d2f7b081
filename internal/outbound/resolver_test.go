package outbound

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

// names is a name server in memory: each query for a name returns the next of its addresses; the last one repeats.
type names struct {
	mu      sync.Mutex
	answers map[string][]string // by the first label
	serving sync.WaitGroup
}

// resolver responds to every query from answers, over connections that end with the test.
func resolver(t *testing.T, answers map[string][]string) *net.Resolver {
	server := &names{answers: answers}
	t.Cleanup(server.serving.Wait)
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		client, conn := net.Pipe()
		server.serving.Go(func() { server.serve(conn) })
		return client, nil
	}}
}

// serve implements DNS over a stream: each message follows its length.
func (n *names) serve(conn net.Conn) {
	defer conn.Close()
	for {
		var length uint16
		if binary.Read(conn, binary.BigEndian, &length) != nil {
			return
		}
		query := make([]byte, length)
		if _, err := io.ReadFull(conn, query); err != nil {
			return
		}
		reply, err := n.reply(query)
		if err != nil {
			return
		}
		if _, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(reply))), reply...)); err != nil {
			return
		}
	}
}

func (n *names) reply(query []byte) ([]byte, error) {
	var message dnsmessage.Message
	if err := message.Unpack(query); err != nil {
		return nil, err
	}
	question := message.Questions[0]
	message.Response = true
	message.Additionals = nil
	if addr, ok := n.next(question); ok {
		message.Answers = []dnsmessage.Resource{{
			Header: dnsmessage.ResourceHeader{Name: question.Name, Class: question.Class},
			Body:   addr,
		}}
	}
	return message.Pack()
}

func (n *names) next(question dnsmessage.Question) (dnsmessage.ResourceBody, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	label, _, _ := strings.Cut(question.Name.String(), ".")
	if len(n.answers[label]) == 0 {
		return nil, false
	}
	addr := netip.MustParseAddr(n.answers[label][0])
	switch {
	case addr.Is4() && question.Type == dnsmessage.TypeA:
		defer n.advance(label)
		return &dnsmessage.AResource{A: addr.As4()}, true
	case addr.Is6() && question.Type == dnsmessage.TypeAAAA:
		defer n.advance(label)
		return &dnsmessage.AAAAResource{AAAA: addr.As16()}, true
	}
	return nil, false
}

func (n *names) advance(label string) {
	if len(n.answers[label]) > 1 {
		n.answers[label] = n.answers[label][1:]
	}
}
