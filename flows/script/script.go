// Package script evaluates JavaScript with limits of time and memory: in this process as far as the engine can be
// interrupted, and strictly in child processes.
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

// call.js calls the script's function. It is evaluated before the script, so that the script cannot have modified
// built-in objects.
//
//go:embed call.js
var callSource string

// Check returns the first syntax error of a script, with its line from 1.
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

// Eval evaluates a script in this process, in a new engine. Loops, recursion, regular expressions and memory are
// limited. Some built-in functions are not: `new Array(1e9).join()` occupies its goroutine until it is done. A Pool
// ends these as well.
func Eval(ctx context.Context, s *flows.Script) (result flows.ScriptResult, err error) {
	if err := ctx.Err(); err != nil {
		return result, err
	}
	vm, err := quickjs.NewVM()
	if err != nil {
		return result, fmt.Errorf("make JavaScript engine: %w", err)
	}
	defer vm.Close()
	defer context.AfterFunc(ctx, vm.Interrupt)()
	vm.SetMemoryLimit(uintptr(s.Memory))
	if err := vm.SetEvalTimeout(s.Time); err != nil {
		return result, fmt.Errorf("bound JavaScript engine: %w", err)
	}
	items, err := evaluate(vm, s, &result.Lines)
	switch {
	case err != nil && ctx.Err() != nil:
		return result, ctx.Err()
	case err != nil:
		return result, failed(s, err)
	}
	result.Items = []byte(items)
	return result, nil
}

func evaluate(vm *quickjs.VM, s *flows.Script, lines *[]flows.ScriptLine) (string, error) {
	call, err := vm.EvalValue(callSource, quickjs.EvalGlobal)
	if err != nil {
		return "", err
	}
	defer call.Free()
	if err := defineWeb(vm, s.Code, lines); err != nil {
		return "", err
	}
	f, err := vm.EvalValue(function(s.Code), quickjs.EvalGlobal)
	if err != nil {
		return "", err
	}
	defer f.Free()
	items, err := call.Call(quickjs.UndefinedValue, f, string(s.Input), s.Mark, s.Now)
	if err != nil {
		return "", err
	}
	text, ok := items.(string)
	if !ok {
		return "", errors.New("the script gave no text") // call.js always returns one
	}
	return text, nil
}

// function returns a function with the given body, which starts one line below the first.
func function(code string) string {
	return "(function (item, event, steps, vars, index) { 'use strict';\n" + code + "\n})"
}

// failed returns the error of a script without a result.
func failed(s *flows.Script, err error) *flows.Error {
	e := &flows.Error{Code: flows.CodeExpression, Err: err}
	switch message := messageOf(err); message {
	case "InternalError: interrupted":
		e.Message = overrun(s)
	case "InternalError: out of memory", "null", "": // there was no memory to say so
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

// maxMessage is the maximum length of a script's error message in characters.
const maxMessage = 300

func messageOf(err error) string {
	runes := []rune(err.Error())
	if len(runes) > maxMessage {
		return string(runes[:maxMessage]) + "…"
	}
	return string(runes)
}

// frame matches a stack frame in evaluated text: the name of its function, and the line.
var frame = regexp.MustCompile(`at (\S+) \(<eval>:(\d+)`)

// lineOf returns the line of the script, from 1, of an error; 0 when it is unknown or in call.js.
func lineOf(err error) int {
	var js *quickjs.Error
	if !errors.As(err, &js) {
		return 0
	}
	line := js.LineNumber
	if line > webLine {
		line = 0
	}
	for _, m := range frame.FindAllStringSubmatch(js.Stack, 20) {
		if at, _ := strconv.Atoi(m[2]); line == 0 && at <= webLine && m[1] != "callScript" && m[1] != "refuseLocale" { // the functions of call.js
			line = at
		}
	}
	return max(0, line-1)
}
