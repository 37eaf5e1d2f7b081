package importer

import "errors"

func isPostman(n node) bool { return false }

func importPostman(n node, c Config) (*Result, error) { return nil, errors.New("soon") }
