// Reads Kubernetes manifests from standard input, and fails at a field that Kubernetes does not have.
package main

import (
	"bytes"
	"fmt"
	"io"
	"os"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

func main() {
	content, err := io.ReadAll(os.Stdin)
	if err != nil {
		fail(err)
	}
	for _, document := range bytes.Split(content, []byte("\n---\n")) {
		var head struct {
			Kind string `json:"kind"`
		}
		if err := yaml.Unmarshal(document, &head); err != nil {
			fail(err)
		}
		kinds := map[string]any{
			"ConfigMap":   &corev1.ConfigMap{},
			"Secret":      &corev1.Secret{},
			"Service":     &corev1.Service{},
			"StatefulSet": &appsv1.StatefulSet{},
		}
		if object, known := kinds[head.Kind]; known {
			if err := yaml.UnmarshalStrict(document, object); err != nil {
				fail(fmt.Errorf("%s: %w", head.Kind, err))
			}
			fmt.Println(head.Kind, "ok")
		} else if head.Kind != "" && head.Kind != "PodMonitor" {
			fail(fmt.Errorf("unknown kind %s", head.Kind))
		}
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
