"""Largest state: how far from zero does each unit go while one sequence is read?"""
