package script

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"sync"

	"github.com/penstock/penstock/flows"
)

// Config configures a Pool.
type Config struct {
	// Command starts a child that calls Serve with its standard input and output; required. Its environment is empty.
	Command []string
	// Size is the number of concurrent scripts, each in its own child. Zero: the number of processors.
	Size int
}

// Pool evaluates scripts in child processes. Children are reused, and killed when a script does not end. It
// implements flows.Scripts. Safe for concurrent use.
type Pool struct {
	command []string
	slots   chan struct{} // one for each busy child

	mu     sync.Mutex // guards the fields below
	idle   []*child
	closed bool
}

var _ flows.Scripts = (*Pool)(nil)

// errClosed reports that the pool accepts no more scripts.
var errClosed = errors.New("evaluate script: the pool is closed")

// NewPool returns a pool without children; the first script starts one.
func NewPool(config Config) (*Pool, error) {
	if len(config.Command) == 0 || config.Size < 0 {
		return nil, errors.New("make script pool: Command is required and Size not negative")
	}
	if config.Size == 0 {
		config.Size = runtime.NumCPU()
	}
	return &Pool{command: config.Command, slots: make(chan struct{}, config.Size)}, nil
}

// Eval implements flows.Scripts. It waits for a free child until ctx ends.
func (p *Pool) Eval(ctx context.Context, s *flows.Script) (flows.ScriptResult, error) {
	request, err := json.Marshal(s)
	if err != nil {
		return flows.ScriptResult{}, fmt.Errorf("write script: %w", err)
	}
	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		return flows.ScriptResult{}, ctx.Err()
	}
	defer func() { <-p.slots }()
	c, err := p.take(ctx)
	if err != nil {
		return flows.ScriptResult{}, err
	}
	limited, cancel := context.WithTimeout(ctx, s.Time+2*grace)
	defer cancel()
	response, err := c.exchange(limited, request)
	if err != nil {
		c.end()
		return flows.ScriptResult{}, lost(ctx, s, err)
	}
	var answer reply
	if err := json.Unmarshal(response, &answer); err != nil {
		c.end() // it is not what it was, and must not answer another script
		return flows.ScriptResult{}, fmt.Errorf("read reply: %w", err)
	}
	p.give(c)
	switch {
	case answer.Message != "":
		return flows.ScriptResult{Lines: answer.Lines}, &flows.Error{Code: flows.CodeExpression, Message: answer.Message}
	case answer.Broken != "":
		return flows.ScriptResult{}, fmt.Errorf("evaluate script: %s", answer.Broken)
	case answer.Items == nil:
		return flows.ScriptResult{}, errors.New("evaluate script: the reply is empty")
	}
	return flows.ScriptResult{Items: answer.Items, Lines: answer.Lines}, nil
}

// lost returns the error for a child without a response; normally its script did not end.
func lost(ctx context.Context, s *flows.Script, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return &flows.Error{Code: flows.CodeExpression, Message: overrun(s) + " and was ended with its process", Err: err}
}

// take returns an idle or new child.
func (p *Pool) take(ctx context.Context) (*child, error) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil, errClosed
	}
	if last := len(p.idle) - 1; last >= 0 {
		c := p.idle[last]
		p.idle = p.idle[:last]
		p.mu.Unlock()
		return c, nil
	}
	p.mu.Unlock()
	return startChild(ctx, p.command)
}

// give returns a child for reuse.
func (p *Pool) give(c *child) {
	p.mu.Lock()
	keep := !p.closed && c.served < maxServed
	if keep {
		p.idle = append(p.idle, c)
	}
	p.mu.Unlock()
	if !keep {
		c.end()
	}
}

// Close ends the children, each after its current script.
func (p *Pool) Close() error {
	p.mu.Lock()
	idle := p.idle
	p.idle, p.closed = nil, true
	p.mu.Unlock()
	for _, c := range idle {
		c.end()
	}
	for range cap(p.slots) { // busy children end after their scripts
		p.slots <- struct{}{}
	}
	for range cap(p.slots) { // later callers get errClosed
		<-p.slots
	}
	return nil
}
