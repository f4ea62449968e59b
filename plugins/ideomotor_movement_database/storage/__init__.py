"""Where demonstrations, trees and graphs are kept."""
