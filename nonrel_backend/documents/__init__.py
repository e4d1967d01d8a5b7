"""Documents, the same on every backend: conversion, paths, lookups and changes."""
