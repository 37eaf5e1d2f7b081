package embedded

import (
	"bytes"
	"errors"
	"slices"
	"strconv"
)

// dumpCommands are the commands that a dumper writes. Read only.
var dumpCommands = []string{"SET", "HSET", "RPUSH", "SADD", "ZADD", "XADD", "XDEL", "PEXPIREAT"}

var (
	errTruncated  = errors.New("the file ends inside a command")
	errNotCommand = errors.New("this is not a command")
)

// readCommand parses the command at the start of a non-empty content and returns its length in bytes. It accepts no
// length beyond the end of content.
func readCommand(content []byte) (args []any, length int, err error) {
	count, at, err := readLength(content, '*')
	if err != nil {
		return nil, 0, err
	}
	if count == 0 {
		return nil, 0, errNotCommand
	}
	for range count {
		size, head, err := readLength(content[at:], '$')
		if err != nil {
			return nil, 0, err
		}
		at += head
		if size > len(content)-at-len("\r\n") {
			return nil, 0, errTruncated
		}
		if string(content[at+size:at+size+2]) != "\r\n" {
			return nil, 0, errNotCommand
		}
		args = append(args, string(content[at:at+size]))
		at += size + 2
	}
	return args, at, nil
}

// maxLengthDigits is the maximum number of digits of a length.
const maxLengthDigits = 15

// readLength parses a line of a mark and a number, such as "*3\r\n", and returns the length of the line in bytes.
func readLength(content []byte, mark byte) (n, length int, err error) {
	if len(content) > 0 && content[0] != mark {
		return 0, 0, errNotCommand
	}
	line, _, whole := bytes.Cut(content[:min(len(content), maxLengthDigits+3)], []byte("\r\n"))
	switch {
	case !whole && len(content) <= maxLengthDigits+2:
		return 0, 0, errTruncated
	case !whole:
		return 0, 0, errNotCommand
	}
	n, err = strconv.Atoi(string(line[1:]))
	if err != nil || n < 0 {
		return 0, 0, errNotCommand
	}
	return n, len(line) + 2, nil
}

// nextCommand returns the offset of the next command of a dump after a damaged position; the end of content when
// there is none. A value may contain the text of a command, so that only the commands of a dumper are accepted.
func nextCommand(content []byte, at int) int {
	for {
		i := bytes.Index(content[at:], []byte("\r\n*"))
		if i < 0 {
			return len(content)
		}
		at += i + 2
		args, _, err := readCommand(content[at:])
		if err == nil && slices.Contains(dumpCommands, args[0].(string)) {
			return at
		}
	}
}
