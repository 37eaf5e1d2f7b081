package store

import (
	"errors"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
)

// Names that a path, a person or a file system confuses with another are refused at creation, and only then.
func TestNamesThatLookAlike(t *testing.T) {
	t.Parallel()
	s := newTestFleet(t).open(t)
	ctx := t.Context()
	makers := map[string]func(name string) error{
		"user": func(name string) error {
			_, err := s.Users().Create(ctx, User{Name: name, Hash: "h", Roles: []Role{RoleViewer}})
			return err
		},
		"client": func(name string) error {
			_, err := s.Clients().Create(ctx, Client{Identifier: name, Name: "n", Hash: "h"})
			return err
		},
		"key":        func(name string) error { _, err := s.Keys().Create(ctx, Key{Key: name}); return err },
		"stored key": func(name string) error { _, err := s.Keys().Put(ctx, Key{Key: "put-" + name}); return err },
		"connection": func(name string) error {
			_, err := s.Connections().Put(ctx, Connection{Name: name, Type: "basic"})
			return err
		},
		"secret": func(name string) error { return s.Secrets().Put(ctx, name, "x") },
	}
	for kind, create := range makers {
		if err := create("Ann.b"); err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		for _, name := range []string{"ann.b", "ANN.B", "Ann.b.", "ann.b..."} {
			var invalid *InvalidError
			if err := create(name); !errors.As(err, &invalid) || !strings.Contains(err.Error(), `Ann.b", which exists`) {
				t.Errorf("%s %s: %v", kind, name, err)
			}
		}
		for _, name := range []string{".", "..", "..."} {
			if err := create(name); err == nil && kind != "stored key" {
				t.Errorf("%s %q was made", kind, name)
			}
		}
		if err := create("Ann-b"); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
	}
	for _, kind := range []string{"user", "client", "key"} {
		if err := makers[kind]("Ann.b"); !errors.Is(err, ErrExists) {
			t.Errorf("%s again: %v", kind, err)
		}
	}
}

// A record of an earlier version keeps its name: it can be read, changed and replaced.
func TestNamesOfBeforeStay(t *testing.T) {
	t.Parallel()
	s := newTestFleet(t).open(t)
	ctx := t.Context()
	old := &Key{Key: "..", Secret: "a-secret", APIAccess: true, OnReplay: OnReplayRefuse, Window: DefaultWindow, Epoch: "e"}
	err := s.update(ctx, func(_ *redis.Tx, v *snapshot) (func(*transactionWrites), error) {
		return s.Keys().store.writeKey(ctx, v, old)
	})
	if err != nil {
		t.Fatal(err)
	}
	if k, err := s.Keys().Key(ctx, ".."); err != nil || k.Secret != "a-secret" {
		t.Errorf("read: %v, %v", k, err)
	}
	if _, err := s.Keys().Change(ctx, "..", func(k *Key) error { k.Name = "old"; return nil }); err != nil {
		t.Errorf("change: %v", err)
	}
	if _, err := s.Keys().Put(ctx, *old); err != nil {
		t.Errorf("put: %v", err)
	}
	if err := s.Keys().Delete(ctx, ".."); err != nil {
		t.Errorf("delete: %v", err)
	}
}
