// Package script evaluates JavaScript within bounds: of time and memory in
// this process, and for good in child processes.
package script

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"time"

	"modernc.org/quickjs"

	"github.com/penstock/penstock/flows"
)

// call.js calls the script's function. It is evaluated before the script, so
// that it works with the language as it came.
//
//go:embed call.js
var callSource string

// Check reports the first syntax error of a script: its line, from 1, and
// what is wrong.
func Check(code string) (line int, err error) {
	vm, err := quickjs.NewVM()
	if err != nil {
		return 0, fmt.Errorf("make JavaScript engine: %w", err)
	}
	defer vm.Close()
	vm.SetMemoryLimit(64 << 20)
	if err := vm.SetEvalTimeout(time.Second); err != nil {
		return 0, fmt.Errorf("bound JavaScript engine: %w", err)
	}
	if _, err := vm.Compile(function(code), quickjs.EvalGlobal); err != nil {
		return lineOf(err), errors.New(messageOf(err))
	}
	return 0, nil
}

// Eval evaluates a script in this process, in an engine of its own. Loops,
// recursion, regular expressions and memory are bounded. Some built-in
// functions are not: `new Array(1e9).join()` holds its goroutine until it is
// done. A Pool ends those, too.
func Eval(ctx context.Context, s *flows.Script) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	vm, err := quickjs.NewVM()
	if err != nil {
		return nil, fmt.Errorf("make JavaScript engine: %w", err)
	}
	defer vm.Close()
	defer context.AfterFunc(ctx, vm.Interrupt)()
	vm.SetMemoryLimit(uintptr(s.Memory))
	if err := vm.SetEvalTimeout(s.Time); err != nil {
		return nil, fmt.Errorf("bound JavaScript engine: %w", err)
	}
	items, err := evaluate(vm, s)
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, failed(s, err)
	}
	return []byte(items), nil
}

func evaluate(vm *quickjs.VM, s *flows.Script) (string, error) {
	call, err := vm.EvalValue(callSource, quickjs.EvalGlobal)
	if err != nil {
		return "", err
	}
	defer call.Free()
	f, err := vm.EvalValue(function(s.Code), quickjs.EvalGlobal)
	if err != nil {
		return "", err
	}
	defer f.Free()
	items, err := call.Call(quickjs.UndefinedValue, f, string(s.Input), s.Mark)
	if err != nil {
		return "", err
	}
	text, ok := items.(string)
	if !ok {
		return "", errors.New("the script gave no text") // call.js always does
	}
	return text, nil
}

// function makes a function of its body, one line below the first.
func function(code string) string {
	return "(function (item, event, steps, vars, index) { 'use strict';\n" + code + "\n})"
}

// failed words why a script gave nothing.
func failed(s *flows.Script, err error) *flows.Error {
	e := &flows.Error{Code: flows.CodeExpression, Err: err}
	switch message := messageOf(err); message {
	case "InternalError: interrupted":
		e.Message = overrun(s)
	case "InternalError: out of memory", "null", "": // there was none left to say so
		e.Message = fmt.Sprintf("the script used more than %d MB", s.Memory/1_000_000)
	default:
		e.Message = "the script failed: " + message
		if line := lineOf(err); line > 0 {
			e.Message += fmt.Sprintf(" (line %d of the script)", line)
		}
	}
	return e
}

func overrun(s *flows.Script) string {
	return fmt.Sprintf("the script took longer than %v", s.Time)
}

// maxMessage bounds what a script says, characters.
const maxMessage = 300

func messageOf(err error) string {
	runes := []rune(err.Error())
	if len(runes) > maxMessage {
		return string(runes[:maxMessage]) + "…"
	}
	return string(runes)
}

// frame is one of a stack that stands in text that was evaluated: the name of
// its function, and the line.
var frame = regexp.MustCompile(`at (\S+) \(<eval>:(\d+)`)

// lineOf is the line of the script, from 1, where an error came from; 0:
// nobody knows, or it came from call.js.
func lineOf(err error) int {
	var js *quickjs.Error
	if !errors.As(err, &js) {
		return 0
	}
	line := js.LineNumber
	if m := frame.FindStringSubmatch(js.Stack); line == 0 && m != nil && m[1] != "callScript" {
		line, _ = strconv.Atoi(m[2])
	}
	return max(0, line-1)
}
