//go:build tools

// Package tools names the program that build.ts builds, so that go.mod and
// go.sum cover what it imports.
package tools

import (
	_ "helm.sh/helm/v3/cmd/helm"
)
