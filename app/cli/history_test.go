package cli

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/penstock/penstock/app"
	"github.com/penstock/penstock/client"
	"github.com/penstock/penstock/internal/testenv"
)

// The files that came with a run are gone when the erasure of the run has answered.
func TestErasingDeletesFiles(t *testing.T) {
	t.Parallel()
	settings := app.Settings{Data: t.TempDir(), Flows: t.TempDir(), AdminUser: "ann", AdminPassword: "correct horse battery staple"}
	if err := os.WriteFile(filepath.Join(settings.Flows, "keeper.yaml"), []byte("flow: 7\nslug: keeper\ntrigger: {webhook: {max_body: 1MB}}\nsteps: [{set: {n: 1}}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	dev := startDev(t, settings)
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	part, err := w.CreateFormFile("doc", "zoe.txt")
	if err == nil {
		_, err = part.Write([]byte("passport of Zoe"))
	}
	if err != nil || w.Close() != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, dev.url+"/v1/flows/7/runs", &form)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", w.FormDataContentType())
	r.SetBasicAuth(settings.AdminUser, settings.AdminPassword)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	var run struct {
		ID string `json:"run_id"`
	}
	err = json.NewDecoder(answer.Body).Decode(&run)
	if _ = answer.Body.Close(); err != nil || answer.StatusCode != http.StatusOK {
		t.Fatal(answer.Status, err)
	}
	if files := filesWith(t, settings.Data, "passport of Zoe"); len(files) != 1 {
		t.Fatalf("before the erasure it is in %v", files)
	}
	admin, err := client.New(client.Config{URL: dev.url, User: settings.AdminUser, Password: settings.AdminPassword})
	if err != nil {
		t.Fatal(err)
	}
	var report struct{ Runs, Erased int }
	testenv.Eventually(t, func() string { // the run is copied a second after its end
		if err := admin.Call(t.Context(), http.MethodPost, "/v1/history/erase", map[string]string{"filter": `run_id eq "` + run.ID + `"`}, &report); err != nil {
			return err.Error()
		}
		if report.Erased != 1 {
			return "it is not erased"
		}
		return ""
	})
	if files := filesWith(t, settings.Data, "passport of Zoe"); len(files) != 0 {
		t.Errorf("after the erasure it is in %v", files)
	}
}

// filesWith returns the files below a directory that contain a text.
func filesWith(t *testing.T, dir, text string) (paths []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		if strings.Contains(string(content), text) {
			paths = append(paths, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return paths
}
