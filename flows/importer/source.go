package importer

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Limits of a specification.
const (
	maxFile  = 64 << 20  // bytes of one file, decompressed
	maxTotal = 256 << 20 // bytes of all files together
	maxFiles = 50_000
)

// source holds the files of a specification: one, or those of a directory or archive.
type source struct {
	entry string            // path of the main file
	files map[string][]byte // those of an archive, by path
	root  *os.Root          // of a directory; nil: the files are in memory
	read  int64             // bytes read so far
	sum   string            // SHA-256 of the file that was named, or of the main file of a directory
}

// open opens a specification: a file or directory by its path, or the content of one file.
func open(name string, content io.Reader) (*source, error) {
	if content != nil {
		return openFile(name, content)
	}
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return openDirectory(name)
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	s, err := openFile(filepath.Base(name), file)
	if err != nil {
		return nil, err
	}
	if len(s.files) == 1 { // other files may be beside it
		if s.root, err = os.OpenRoot(filepath.Dir(name)); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Close releases the directory.
func (s *source) Close() error {
	if s.root == nil {
		return nil
	}
	return s.root.Close()
}

func openDirectory(name string) (*source, error) {
	root, err := os.OpenRoot(name)
	if err != nil {
		return nil, err
	}
	s := &source{root: root, files: map[string][]byte{}}
	entries, err := fs.ReadDir(root.FS(), ".")
	if err == nil {
		var names []string
		for _, e := range entries {
			if info, err := root.Stat(e.Name()); err == nil && info.Mode().IsRegular() {
				names = append(names, e.Name())
			}
		}
		err = s.choose(names)
	}
	if err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return s, nil
}

// openFile reads a file, plain or compressed by gzip, or a tar archive of files.
func openFile(name string, content io.Reader) (*source, error) {
	reader := bufio.NewReader(content)
	hash := sha256.New()
	var plain io.Reader = io.TeeReader(reader, hash)
	if magic, _ := reader.Peek(2); bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		unzipped, err := gzip.NewReader(plain)
		if err != nil {
			return nil, fmt.Errorf("read gzip: %w", err)
		}
		plain = unzipped
		name = strings.TrimSuffix(name, ".gz")
	}
	body := bufio.NewReaderSize(plain, 1024)
	s := &source{entry: name, files: map[string][]byte{}}
	if head, _ := body.Peek(512); len(head) > 262 && string(head[257:262]) == "ustar" {
		if err := s.readArchive(tar.NewReader(body)); err != nil {
			return nil, err
		}
		if _, err := io.Copy(io.Discard, io.LimitReader(reader, maxTotal)); err != nil {
			return nil, err
		}
	} else {
		text, err := s.readAll(name, body)
		if err != nil {
			return nil, err
		}
		s.files[name] = text
	}
	s.sum = hex.EncodeToString(hash.Sum(nil))
	return s, nil
}

func (s *source) readArchive(archive *tar.Reader) error {
	var names []string
	for {
		header, err := archive.Next()
		if err == io.EOF {
			return s.choose(names)
		}
		if err != nil {
			return fmt.Errorf("read archive: %w", err)
		}
		if header.Typeflag != tar.TypeReg {
			continue
		}
		if len(names) == maxFiles {
			return fmt.Errorf("read archive: more than %d files", maxFiles)
		}
		name := path.Clean(strings.TrimPrefix(header.Name, "/"))
		if s.files[name], err = s.readAll(name, archive); err != nil {
			return err
		}
		names = append(names, name)
	}
}

// readAll reads a file within the limits.
func (s *source) readAll(name string, r io.Reader) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if len(text) > maxFile {
		return nil, fmt.Errorf("read %s: the file has more than %d MB", name, maxFile>>20)
	}
	if s.read += int64(len(text)); s.read > maxTotal {
		return nil, fmt.Errorf("read %s: the files have more than %d MB together", name, maxTotal>>20)
	}
	return text, nil
}

// choose finds the main file: the only one that begins a specification, of those nearest to the root.
func (s *source) choose(names []string) error {
	slices.SortFunc(names, func(a, b string) int {
		if n := strings.Count(a, "/") - strings.Count(b, "/"); n != 0 {
			return n
		}
		return strings.Compare(a, b)
	})
	var found []string
	for _, name := range names {
		if len(found) > 0 && strings.Count(name, "/") > strings.Count(found[0], "/") {
			break
		}
		switch path.Ext(name) {
		case ".json", ".yaml", ".yml":
			text, err := s.file(name)
			if err != nil {
				return err
			}
			if beginsSpecification(text) {
				found = append(found, name)
			}
		}
	}
	switch len(found) {
	case 0:
		return errors.New("no file has `openapi`, `swagger` or a collection of Postman at its top")
	case 1:
		s.entry = found[0]
		return nil
	}
	return fmt.Errorf("several files are specifications, name one: %s", strings.Join(found[:min(len(found), 10)], ", "))
}

// beginsSpecification reports whether a file has the member that names the format, without parsing it.
func beginsSpecification(text []byte) bool {
	for _, key := range []string{"\nopenapi:", "\nswagger:", `"openapi"`, `"swagger"`, "schema.getpostman.com"} {
		if bytes.Contains(text, []byte(key)) || bytes.HasPrefix(text, []byte(strings.TrimPrefix(key, "\n"))) {
			return true
		}
	}
	return false
}

// file returns a file by its path from the root. Files outside of the directory are not found.
func (s *source) file(name string) ([]byte, error) {
	if text, ok := s.files[name]; ok {
		return text, nil
	}
	if s.root == nil {
		return nil, fs.ErrNotExist
	}
	if info, err := s.root.Stat(filepath.FromSlash(name)); err == nil && !info.Mode().IsRegular() { // opening a pipe waits for a writer
		return nil, errors.New("it is no file")
	}
	file, err := s.root.Open(filepath.FromSlash(name))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := s.readAll(name, file)
	if err != nil {
		return nil, err
	}
	if s.sum == "" {
		defer func() {
			if name == s.entry {
				sum := sha256.Sum256(text)
				s.sum = hex.EncodeToString(sum[:])
			}
		}()
	}
	s.files[name] = text
	return text, nil
}
