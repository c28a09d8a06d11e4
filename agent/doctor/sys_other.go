//go:build !linux

package doctor

import "errors"

func space(string) (Space, error) { return Space{}, errors.ErrUnsupported }

func blockDevice(string) (string, error) { return "", errors.ErrUnsupported }

func synced() (bool, error) { return false, errors.ErrUnsupported }
