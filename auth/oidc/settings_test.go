package oidc

import (
	"slices"
	"strings"
	"testing"

	"github.com/penstock/penstock/store"
)

func TestSettings(t *testing.T) {
	t.Parallel()
	s, err := ParseSettings([]byte("issuer: https://login.example.org/realms/a\nclient_id: penstock\nroles: {admin: [ops, boss], viewer: [\"*\"]}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if s.Name != "login.example.org" || !slices.Equal(s.Scopes, []string{"profile", "email"}) || s.Claims != (Claims{"preferred_username", "groups"}) || !s.TakesPasswords() {
		t.Errorf("%+v", s)
	}
	for groups, want := range map[string][]store.Role{"": {store.RoleViewer}, "ops": {store.RoleAdmin, store.RoleViewer}, "Ops": {store.RoleViewer}, "x,boss": {store.RoleAdmin, store.RoleViewer}} {
		if got := s.rolesOf(strings.Split(groups, ",")); !slices.Equal(got, want) {
			t.Errorf("groups %q: %v", groups, got)
		}
	}
}

func TestSettingsThatAreRefused(t *testing.T) {
	t.Parallel()
	const good = "issuer: https://a.example.org\nclient_id: c\nroles: {viewer: [\"*\"]}\n"
	for text, want := range map[string]string{
		"client_id: c\nroles: {viewer: [a]}":                                    "issuer",
		"issuer: ftp://a\nclient_id: c\nroles: {viewer: [a]}":                   "issuer",
		"issuer: http://login.example.org\nclient_id: c\nroles: {viewer: [a]}":  "http: true",
		"issuer: https://u:p@a.example.org\nclient_id: c\nroles: {viewer: [a]}": "issuer",
		"issuer: https://a.example.org?x=1\nclient_id: c\nroles: {viewer: [a]}": "issuer",
		"issuer: https://a.example.org\nroles: {viewer: [a]}":                   "client_id",
		"issuer: https://a.example.org\nclient_id: c":                           "roles",
		"issuer: https://a.example.org\nclient_id: c\nroles: {boss: [a]}":       "roles.boss",
		"issuer: https://a.example.org\nclient_id: c\nroles: {viewer: []}":      "roles.viewer",
		"issuer: https://a.example.org\nclient_id: c\nroles: {admin: [\"*\"]}":  "roles.admin",
		good + "passwords: none":                                                "passwords",
		good + "client_secret: s":                                               "client_secret",
	} {
		if _, err := ParseSettings([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
	for _, text := range []string{good, good + "http: true", strings.Replace(good, "https://a.example.org", "http://127.0.0.1:5556/dex", 1)} {
		if _, err := ParseSettings([]byte(text)); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}
