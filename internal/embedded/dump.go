package embedded

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/alicebob/miniredis/v2/server"
)

// dumper writes a store as the commands that recreate it. It supports strings, hashes, lists, sets, sorted sets and
// streams of database 0. Consumer groups, field TTLs and scripts are not saved: readers make a group that is
// missing and read all entries again, the product uses no field TTLs, and clients load their scripts again.
type dumper struct {
	call func(args ...string) (any, error)
	base time.Time // time to which remaining TTLs refer
}

func (d *dumper) all(w *bytes.Buffer) error {
	reply, err := d.call("KEYS", "*")
	if err != nil {
		return fmt.Errorf("list keys: %w", err)
	}
	keys, err := replyStrings(reply)
	if err != nil {
		return fmt.Errorf("list keys: %w", err)
	}
	slices.Sort(keys) // equal stores give equal files
	for _, key := range keys {
		if err := d.key(w, key); err != nil {
			return fmt.Errorf("dump %q: %w", key, err)
		}
	}
	return nil
}

// commands returns for a type the command that reads a whole value, without the key as its first argument, and the
// one that writes it.
func commands(kind string) (read, write []string, err error) {
	switch kind {
	case "string":
		return []string{"GET"}, []string{"SET"}, nil
	case "hash":
		return []string{"HGETALL"}, []string{"HSET"}, nil
	case "list":
		return []string{"LRANGE", "0", "-1"}, []string{"RPUSH"}, nil
	case "set":
		return []string{"SMEMBERS"}, []string{"SADD"}, nil
	case "zset":
		return []string{"ZRANGE", "0", "-1", "WITHSCORES"}, []string{"ZADD"}, nil
	}
	return nil, nil, fmt.Errorf("type %q is not supported", kind)
}

func (d *dumper) key(w *bytes.Buffer, key string) error {
	reply, err := d.call("TYPE", key)
	if err != nil {
		return err
	}
	kind := fmt.Sprint(reply)
	if kind == "stream" {
		err = d.stream(w, key)
	} else {
		err = d.value(w, key, kind)
	}
	if err != nil {
		return err
	}
	left, err := d.call("PTTL", key)
	if err != nil {
		return err
	}
	if ms, ok := left.(int); ok && ms >= 0 {
		writeCommand(w, "PEXPIREAT", key, strconv.FormatInt(d.base.UnixMilli()+int64(ms), 10))
	}
	return nil
}

func (d *dumper) value(w *bytes.Buffer, key, kind string) error {
	read, write, err := commands(kind)
	if err != nil {
		return err
	}
	reply, err := d.call(slices.Insert(read, 1, key)...)
	if err != nil {
		return err
	}
	values, err := replyStrings(reply)
	if err != nil {
		return err
	}
	if kind == "zset" {
		for i := 0; i+1 < len(values); i += 2 {
			values[i], values[i+1] = values[i+1], values[i] // ZADD takes the score first
		}
	}
	writeCommand(w, slices.Concat(write, []string{key}, values)...)
	return nil
}

func (d *dumper) stream(w *bytes.Buffer, key string) error {
	reply, err := d.call("XRANGE", key, "-", "+")
	if err != nil {
		return err
	}
	entries, _ := reply.([]any)
	if len(entries) == 0 { // an empty stream exists, too
		writeCommand(w, "XADD", key, "0-1", "x", "x")
		writeCommand(w, "XDEL", key, "0-1")
	}
	for _, e := range entries {
		pair, ok := e.([]any)
		if !ok || len(pair) != 2 {
			return fmt.Errorf("unexpected entry %T", e)
		}
		id, err1 := replyStrings(pair[:1])
		fields, err2 := replyStrings(pair[1])
		if err := errors.Join(err1, err2); err != nil {
			return err
		}
		writeCommand(w, slices.Concat([]string{"XADD", key, id[0]}, fields)...)
	}
	return nil
}

// replyStrings converts a reply of one string or a list of strings to a list.
func replyStrings(reply any) ([]string, error) {
	switch v := reply.(type) {
	case string:
		return []string{v}, nil
	case []byte:
		return []string{string(v)}, nil
	case server.Simple:
		return []string{string(v)}, nil
	case []any:
		var all []string
		for _, e := range v {
			one, err := replyStrings(e)
			if err != nil {
				return nil, err
			}
			all = append(all, one...)
		}
		return all, nil
	}
	return nil, fmt.Errorf("unexpected reply %T", reply)
}

// writeCommand appends one command in the Redis protocol, the format of an append-only file.
func writeCommand(w *bytes.Buffer, args ...string) {
	fmt.Fprintf(w, "*%d\r\n", len(args))
	for _, a := range args {
		fmt.Fprintf(w, "$%d\r\n%s\r\n", len(a), a)
	}
}
